import numpy as np
import pytest
import torch
from PIL import Image

import uwm
from tests.makers.backbones import LoadFresh
from uwm.errors import InputError
from uwm.metrics.intervals import bootstrap_means


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_embeddings_do_not_depend_on_the_batch(load_fresh: LoadFresh, batch_size: int) -> None:
    backbone, pairs = load_fresh("clip"), uwm.Pairs.demo("test", limit=9)
    found = uwm.embed(backbone, pairs, batch_size)
    for one, other in zip(found, uwm.embed(backbone, pairs), strict=True):
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one.norm(dim=-1), torch.ones(len(pairs)))


def test_pictures_like_their_own_prompt_are_classified_correctly(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    pictures = [Image.new("RGB", (32, 32), name) for name in ("white", "black", "red")]
    labels = [0, 1, 0]
    others = [1 - label for label in labels]
    right, wrong = (
        uwm.zeroshot(backbone, pictures, answers, ["day", "night"], "it is {}")
        for answers in (labels, others)
    )
    assert torch.equal(right, ~wrong)


@pytest.mark.parametrize(
    ("labels", "template"), [([0], "a {}"), ([0, 2], "a {}"), ([0, -1], "a {}"), ([0, 1], "a")]
)
def test_labels_and_templates_that_do_not_fit_are_refused(
    load_fresh: LoadFresh, labels: list[int], template: str
) -> None:
    pictures = [Image.new("RGB", (32, 32))] * 2
    with pytest.raises(InputError):
        uwm.zeroshot(load_fresh("clip"), pictures, labels, ["day", "night"], template)


def test_an_interval_is_that_of_an_audits_metric() -> None:
    outcomes = torch.arange(40) % 4 == 0
    found = uwm.bootstrap(outcomes, resamples=200, seed=3)
    means = bootstrap_means(outcomes.numpy()[:, None], 200, 3)[:, 0]
    low, high = 100 * np.percentile(means, [2.5, 97.5])
    assert found == pytest.approx((25.0, low, high))


def test_real_values_keep_their_unit() -> None:
    found = uwm.bootstrap(torch.arange(40.0).double(), resamples=200)
    assert found.value == 19.5
    assert 10 < found.low < found.high < 30


def test_texts_that_are_not_read_whole_are_told(
    load_fresh: LoadFresh, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = [Image.new("RGB", (32, 32), name) for name in ("white", "black")]
    scene = "a street with trees and people in the light of the evening " * 12
    texts = [f"{scene} a dog", "a dog"], [f"{scene} a gun", "a gun"]
    uwm.embed(load_fresh("clip"), uwm.Pairs(pictures, pictures, *texts))
    assert "2 of 4 texts are longer" in caplog.text
    assert "1 pairs have texts that are the same" in caplog.text
