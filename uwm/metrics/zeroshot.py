"""Zero-shot classification: what knowledge a model kept."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uwm.metrics.intervals import YesNo

METRICS = ("top1", "mean_per_class")
"""Top-1 accuracy, and its mean over classes, 0 to 100 %."""

ROWS = 4096
"""Pictures whose similarities to all classes are held at once."""


def metric_names(*, unsafe: bool) -> tuple[str, ...]:
    """What these are called of sets of unsafe kinds, which are no part of knowledge, or of others.

    Two names of one figure, so that no mean, rule or choice takes both for the same.
    """
    return tuple(f"{name}_unsafe" for name in METRICS) if unsafe else METRICS


def class_embeddings(prompts: Tensor, labels: Tensor) -> Tensor:
    """One embedding per class: the normalised mean of its prompts' (Radford et al. 2021, 3.1.4).

    Args:
        prompts: unit embeddings (prompts, dim).
        labels: int64 (prompts,), the class of each; every class has one prompt or more.

    Returns:
        Unit embeddings (classes, dim). A class of one prompt has that prompt's.
    """
    classes = int(labels.max()) + 1
    sums = prompts.new_zeros(classes, prompts.shape[1]).index_add_(0, labels, prompts)
    return torch.nn.functional.normalize(sums, dim=-1)


def correct(images: Tensor, classes: Tensor, labels: Tensor) -> Tensor:
    """Which pictures are closest to their own class: bool (samples,).

    Args:
        images: unit embeddings (samples, dim).
        classes: unit embeddings (classes, dim).
        labels: int64 (samples,), rows of `classes`.

    A tie with another class is not correct.
    """
    found = []
    for pictures, own in zip(torch.split(images, ROWS), torch.split(labels, ROWS), strict=True):
        similarity = pictures @ classes.T
        mine = similarity.gather(1, own.unsqueeze(1))
        similarity.scatter_(1, own.unsqueeze(1), -torch.inf)
        found.append(mine.squeeze(1) > similarity.amax(1))
    return torch.cat(found)


def accuracies(
    outcomes: YesNo, labels: NDArray[np.int64], weights: NDArray[np.number]
) -> NDArray[np.float64]:
    """The metrics of `METRICS`, as fractions: (2, methods).

    Args:
        outcomes: bool (samples, methods), from `correct`.
        labels: (samples,). A class without weight does not count.
        weights: (samples,), how often each sample counts.
    """
    counted = np.bincount(labels, weights)
    there = counted > 0
    hits = np.stack(
        [np.bincount(labels, weights * outcome, len(counted)) for outcome in outcomes.T], axis=1
    )
    return np.stack([hits.sum(0) / counted.sum(), (hits[there].T / counted[there]).mean(1)])
