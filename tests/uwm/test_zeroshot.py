import torch

from uwm.zeroshot import correct


def test_the_closest_prompt_wins() -> None:
    images = torch.nn.functional.normalize(torch.randn(50, 6), dim=-1)
    prompts = torch.nn.functional.normalize(torch.randn(4, 6), dim=-1)
    labels = torch.randint(4, (50,))
    assert torch.equal(correct(images, prompts, labels), (images @ prompts.T).argmax(1) == labels)


def test_a_tie_with_another_class_is_not_correct() -> None:
    prompts = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert correct(images, prompts, torch.tensor([0, 2])).tolist() == [False, True]
