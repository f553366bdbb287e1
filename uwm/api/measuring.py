"""What a backbone computes for pairs and pictures, and how sure a share of them is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from uwm.api.pairs import Pairs
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import PixelTransform
from uwm.chunks import chunks
from uwm.errors import InputError
from uwm.families import TOWERS, Tower
from uwm.metrics.intervals import Interval, bootstrap_means, interval, scale
from uwm.metrics.safeground import PairedEmbeddings
from uwm.metrics.zeroshot import class_embeddings, correct
from uwm.partitions import PARTITIONS, Partition

_logger = logging.getLogger(__name__)
_BATCH = 64


def embed(backbone: Backbone, pairs: Pairs, batch_size: int = _BATCH) -> PairedEmbeddings:
    """Embed pairs with both towers, as they are now: inside of `Edits.applied`, the edited ones.

    Texts that are longer than the context are cut, and texts that are one to the tokenizer get one
    embedding; a warning tells how many.

    Args:
        batch_size: samples per forward pass.

    Returns:
        Four float32 tensors (pairs, dim) of unit length, and which rows share a picture or text.

    Raises:
        NotFiniteError: a tower computes NaN or infinity.

    Example:
        >>> import uwm
        >>> backbone, pairs = uwm.load("demo:siglip"), uwm.Pairs.demo("test", limit=100)
        >>> preferred = uwm.safeground(uwm.embed(backbone, pairs))
        >>> int(preferred["P_t_s"].sum())  # safe texts that prefer the safe picture
        87
    """
    _tell_unread(backbone, pairs)
    return PairedEmbeddings(
        *(
            embed_partition(backbone, pairs, tower, partition, batch_size)
            for tower in TOWERS
            for partition in PARTITIONS
        ),
        items=pairs.items(),
    )


def _tell_unread(backbone: Backbone, pairs: Pairs) -> None:
    """Warn of texts that the backbone does not read whole, or cannot tell apart."""
    texts = list(pairs.safe_texts), list(pairs.unsafe_texts)
    safe, unsafe = (backbone.tokenize(side) for side in texts)
    cut = sum(
        int(backbone.cut_texts(side, ids).sum())
        for side, ids in zip(texts, (safe, unsafe), strict=True)
    )
    same = (safe == unsafe).all(1).tolist()
    alike = sum(one != other for one, other, equal in zip(*texts, same, strict=True) if equal)
    if cut or alike:
        _logger.warning(
            "%d of %d texts are longer than the %d tokens that the text tower reads, and cut off; "
            "%d pairs have texts that are the same to its tokenizer",
            *(cut, 2 * len(pairs), safe.shape[1], alike),
        )


def embed_partition(
    backbone: Backbone, pairs: Pairs, tower: Tower, partition: Partition, batch_size: int
) -> Tensor:
    """One of the four tensors of `embed`."""
    return torch.cat(
        [
            embedded(backbone, tower, pairs[rows].inputs(backbone, tower, partition), batch_size)
            for rows in chunks(len(pairs))
        ]
    )


def zeroshot(
    backbone: Backbone,
    pictures: Sequence[Image],
    labels: Sequence[int],
    classes: Sequence[str],
    template: str = "a photo of a {}.",
    batch_size: int = _BATCH,
) -> Tensor:
    """Which pictures are classified correctly: bool (pictures,); its mean is the top-1 accuracy.

    Args:
        labels: the right class of each picture, an index into `classes`.
        template: a sentence with `{}` in place of the class.

    Raises:
        InputError: labels that do not fit pictures or classes, or a template without `{}`.
        NotFiniteError: a tower computes NaN or infinity.

    Example:
        >>> from PIL import Image
        >>> import uwm
        >>> colours = [Image.new("RGB", (32, 32), name) for name in ("white", "black")]
        >>> right = uwm.zeroshot(uwm.load("demo:vit"), colours, [0, 1], ["day", "night"])
        >>> right.shape
        torch.Size([2])
    """
    if "{}" not in template:
        raise InputError(f"a template has {{}} in place of the class; got {template!r}")
    if len(labels) != len(pictures) or not set(labels) <= set(range(len(classes))):
        raise InputError(
            f"every picture has a label from 0 to {len(classes) - 1}; got {len(pictures)} pictures "
            f"and {len(labels)} labels from {min(labels, default='-')} to "
            f"{max(labels, default='-')}"
        )
    transform = PixelTransform(backbone.geometry)
    pixels = backbone.staged(np.stack([transform(picture) for picture in pictures]))
    prompts = backbone.tokenize([template.replace("{}", name) for name in classes])
    right = torch.tensor(list(labels), device=backbone.device)
    texts = embedded(backbone, "text", prompts, batch_size)
    named = class_embeddings(texts, torch.arange(len(classes), device=texts.device))
    return correct(embedded(backbone, "image", pixels, batch_size), named, right)


def bootstrap(outcomes: Tensor, resamples: int = 2000, seed: int = 0) -> Interval:
    """A share in percent, or a mean of real values, with its 95 % bootstrap interval.

    Args:
        outcomes: (samples,), as `safeground`, `recalls` and `zeroshot` give them. Two calls
            with as many samples and one seed resample alike, so differences are paired.

    Example:
        >>> import torch, uwm
        >>> uwm.bootstrap(torch.tensor([True, True, True, False] * 25)).value
        75.0
    """
    values = outcomes.cpu().numpy()
    means = bootstrap_means(values[:, None], resamples, seed)
    return interval(float(values.mean()), means[:, 0], scale(values))


def embedded(backbone: Backbone, tower: Tower, inputs: Tensor, batch_size: int) -> Tensor:
    """Unit embeddings of what a tower reads, float32 (samples, dim)."""
    batches = torch.split(inputs, batch_size)
    embeddings = torch.cat([backbone.encode(tower, batch) for batch in batches])
    backbone.check_finite(tower, embeddings.cpu().numpy())
    return embeddings
