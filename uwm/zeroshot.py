"""Zero-shot classification: what knowledge a model kept."""

from __future__ import annotations

import torch
from torch import Tensor


def correct(images: Tensor, prompts: Tensor, labels: Tensor) -> Tensor:
    """Which pictures are closest to their own class's prompt: bool (samples,).

    Args:
        images: unit embeddings (samples, dim).
        prompts: unit embeddings (classes, dim), one prompt per class.
        labels: int64 (samples,), rows of `prompts`.

    Top-1, range 0 to 100 % in the mean; a tie with another class is not correct.
    """
    similarity = images @ prompts.T
    own = similarity.gather(1, labels.unsqueeze(1))
    similarity.scatter_(1, labels.unsqueeze(1), -torch.inf)
    return own.squeeze(1) > similarity.amax(1)
