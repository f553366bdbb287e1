import numpy as np
import pytest
import torch

from uwm.metrics import zeroshot
from uwm.metrics.zeroshot import accuracies, class_embeddings, correct


def unit(rows: int, dim: int = 6) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(rows, dim), dim=-1)


def test_an_ensemble_of_one_template_is_that_template() -> None:
    prompts = unit(5)
    torch.testing.assert_close(class_embeddings(prompts, torch.arange(5)), prompts)


def test_a_class_is_the_normalised_mean_of_its_prompts_in_whatever_order() -> None:
    prompts, labels = unit(12), torch.arange(12) // 3
    expected = prompts.view(4, 3, 6).mean(1)
    expected = expected / expected.norm(dim=1, keepdim=True)
    order = torch.randperm(12)
    for shuffled in (torch.arange(12), order):
        found = class_embeddings(prompts[shuffled], labels[shuffled])
        torch.testing.assert_close(found, expected)


def test_the_closest_class_wins() -> None:
    images, classes = unit(50), unit(4)
    labels = torch.randint(4, (50,))
    assert torch.equal(correct(images, classes, labels), (images @ classes.T).argmax(1) == labels)


def test_a_tie_with_another_class_is_not_correct() -> None:
    classes = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert correct(images, classes, torch.tensor([0, 2])).tolist() == [False, True]


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_how_many_pictures_are_held_at_once_changes_nothing(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, classes, labels = unit(50), unit(4), torch.randint(4, (50,))
    expected = correct(images, classes, labels)
    monkeypatch.setattr(zeroshot, "ROWS", rows)
    assert torch.equal(correct(images, classes, labels), expected)


def test_accuracies_are_means_over_samples_and_over_classes() -> None:
    generator = np.random.default_rng(0)
    outcomes, labels = generator.random((60, 3)) < 0.5, generator.integers(0, 5, 60)
    found = accuracies(outcomes, labels, np.ones(60))
    assert np.allclose(found[0], outcomes.mean(0))
    per_class = [outcomes[labels == label].mean(0) for label in range(5)]
    assert np.allclose(found[1], np.mean(per_class, axis=0))


def test_a_class_that_no_sample_stands_for_does_not_count() -> None:
    outcomes = np.array([[True], [False], [True]])
    labels = np.array([0, 0, 2])
    assert accuracies(outcomes, labels, np.array([1, 1, 1]))[1] == 0.75
    assert accuracies(outcomes, labels, np.array([1, 1, 0]))[1] == 0.5
