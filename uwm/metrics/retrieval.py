"""Recall@k between towers, with memory that does not grow with the square of the data set."""

from __future__ import annotations

import torch
from torch import Tensor

from uwm.metrics.registry import RECALL_AT
from uwm.metrics.safeground import PairedEmbeddings

_QUERIES, _CANDIDATES = 512, 8192


def ranks(queries: Tensor, candidates: Tensor) -> Tensor:
    """How many other candidates are at least as similar to query i as candidate i.

    Args:
        queries: unit embeddings (samples, dim).
        candidates: unit embeddings (n, dim), n >= samples; candidate i is query i's hit.

    Returns:
        int64 (samples,); 0 is best. A tie counts against the hit. Similarities are computed tile by
        tile, in float64 rounded to float32, so that equal ones compare as equal.
    """
    found = []
    for start in range(0, len(queries), _QUERIES):
        block = queries[start : start + _QUERIES].double()
        own = candidates[start : start + len(block)].double()
        target = (block * own).sum(-1, keepdim=True).float()
        above = torch.zeros(len(block), dtype=torch.int64, device=block.device)
        hits = torch.arange(start, start + len(block), device=block.device)
        for offset in range(0, len(candidates), _CANDIDATES):
            tile = candidates[offset : offset + _CANDIDATES].double()
            ahead = (block @ tile.T).float() >= target
            inside = (hits >= offset) & (hits < offset + len(tile))
            ahead[inside, hits[inside] - offset] = False
            above += ahead.sum(1)
        found.append(above)
    return torch.cat(found)


def recalls(embeddings: PairedEmbeddings) -> dict[str, Tensor]:
    """Which queries find their safe item among the first k: bool (samples,) per `NAME_R@k`.

    Safe texts look among safe images and back; unsafe texts among safe and unsafe images, unsafe
    images among safe and unsafe texts, where the hit is the paired safe one.
    """
    embeddings.check()
    safe_image, unsafe_image, safe_text, unsafe_text = embeddings
    searches = {
        "text_to_image": (safe_text, safe_image),
        "image_to_text": (safe_image, safe_text),
        "unsafe_text_to_union": (unsafe_text, torch.cat([safe_image, unsafe_image])),
        "unsafe_image_to_union": (unsafe_image, torch.cat([safe_text, unsafe_text])),
    }
    return {
        f"{name}_R@{k}": rank < k
        for name, (queries, candidates) in searches.items()
        for rank in [ranks(queries, candidates)]
        for k in RECALL_AT
    }
