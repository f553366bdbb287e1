"""Embeddings as they are stored: a partition's samples, whole or in shards."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from storage.formats.samples import SampleArrays
from storage.store.shards import pieces
from storage.store.spec import Spec
from storage.store.store import Store

Embeddings = Mapping[str, Tensor]
"""Of every partition of a data set, by its name."""


def read_embeddings(store: Store, spec: Spec) -> dict[str, Tensor]:
    """Every partition's embeddings, (samples, dim) each."""
    arrays = [SampleArrays(folder) for folder in pieces(store, spec)]
    return {
        name: torch.cat([torch.from_numpy(piece.read(name)) for piece in arrays])
        for name in arrays[0].names
    }
