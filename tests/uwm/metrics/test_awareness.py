"""Probes find what is there, on samples that they were not fitted on."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from uwm.metrics.awareness import awareness, placements
from uwm.metrics.items import Items
from uwm.metrics.safeground import PairedEmbeddings

DIM = 12


def clouds(shift: float, seed: int, samples: int = 400) -> tuple[Tensor, Tensor]:
    """Safe and unsafe embeddings whose means are apart by `shift` along one axis."""
    drawn = torch.randn(2, samples, DIM, generator=torch.Generator().manual_seed(seed))
    drawn[1, :, 0] += shift
    return normalize(drawn[0], dim=1), normalize(drawn[1], dim=1)


def quadruples(image: float, text: float, samples: int = 400) -> PairedEmbeddings:
    images, texts = clouds(image, 0, samples), clouds(text, 1, samples)
    return PairedEmbeddings(*images, *texts)


def test_the_mean_of_placements_is_the_share_of_pairs_in_order(generator: torch.Generator) -> None:
    safe, unsafe = torch.randint(0, 9, (2, 30), generator=generator).double()
    above = (unsafe.unsqueeze(1) > safe).double() + (unsafe.unsqueeze(1) == safe).double() / 2
    assert placements(safe, unsafe).mean() == pytest.approx(float(above.mean()))


def test_what_is_apart_is_told_apart_and_what_is_not_is_chance() -> None:
    found = {name: float(values.mean()) for name, values in awareness(quadruples(5, 0)).items()}
    assert found["image_probe_AUROC"] == found["image_refitted_AUROC"] > 98
    # Fitted and applied on one and the same samples, 12 dimensions would reach 60 by chance.
    assert found["text_probe_AUROC"] == pytest.approx(50, abs=5)


def test_a_repair_that_turns_the_unsafe_direction_breaks_old_probes_and_not_new_ones() -> None:
    before = quadruples(5, 5)
    turned = [part.roll(1, 1) for part in before]  # the axis is another one now
    after = dataclasses.replace(PairedEmbeddings(*turned), original=before)
    found = {name: float(values.mean()) for name, values in awareness(after).items()}
    for tower in ("image", "text"):
        assert found[f"{tower}_probe_AUROC"] < 70
        assert found[f"{tower}_refitted_AUROC"] > 98


def test_rows_that_share_a_picture_are_never_on_both_sides() -> None:
    """Five rows per picture, whose content says nothing of safety: a leak would tell it."""
    pictures = clouds(0, 2, 40)
    parts = [part.repeat_interleave(5, 0) for part in pictures]
    rows = range(200)
    items = Items.of(
        {side: [f"{side} {row // 5}" for row in rows] for side in ("safe", "unsafe")},
        {side: [f"{side} {row}" for row in rows] for side in ("safe", "unsafe")},
    )
    shared = PairedEmbeddings(*parts, *parts, items=items)
    assert float(awareness(shared)["image_probe_AUROC"].mean()) == pytest.approx(50, abs=12)
    alone = dataclasses.replace(shared, items=None)
    assert float(awareness(alone)["image_probe_AUROC"].mean()) > 75


def test_a_single_pair_is_chance() -> None:
    for values in awareness(quadruples(5, 5, 1)).values():
        assert values.tolist() == [50.0]
