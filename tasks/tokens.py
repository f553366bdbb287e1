"""Token ids of a data set's texts, shared by every backbone of one tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from storage.formats.cut_texts import CutTexts, write_cut_texts
from storage.formats.datasets import read_dataset
from storage.formats.samples import Field, SampleArrays
from storage.store.store import Store
from tasks.artifacts import TowerInputsSpec
from tasks.cost import Cost, stored_bytes
from tasks.stage import stage
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK


class TokensSpec(TowerInputsSpec):
    """Token ids (texts, context), int32, of every partition of a data set, and what was cut."""

    kind: ClassVar[str] = "tokens"
    resumable: ClassVar[bool] = True
    tokenizer: str

    @property
    def samples(self) -> int:
        return self.dataset.texts.samples

    @property
    def partitions(self) -> int:
        return self.dataset.texts.partitions


def _cost(spec: TokensSpec, backbone: Backbone) -> Cost:
    rows = [spec.samples] * spec.partitions
    return Cost(lambda: stored_bytes([token_field(backbone)], rows), sum(rows))


def token_field(backbone: Backbone) -> Field:
    """What one text becomes."""
    return Field((backbone.tokenizer.context_length,), "int32")


def too_short(store: Store, spec: TokensSpec, backbone: Backbone) -> NDArray[np.bool_]:
    """Which rows have a text of fewer than two real tokens, and so no std over tokens."""
    arrays = SampleArrays(store.path(spec))
    few = [
        backbone.real_tokens(torch.from_numpy(arrays.read(part))).sum(1) < 2
        for part in arrays.names
    ]
    return torch.stack(few).any(0).numpy()


def _cut_texts(
    texts: Mapping[str, Sequence[str]], arrays: SampleArrays, backbone: Backbone
) -> CutTexts:
    cut = dict.fromkeys(texts, 0)
    alike: list[int] = []
    for rows in arrays.chunks():
        ids = {part: torch.from_numpy(arrays.read(part, rows)) for part in texts}
        for part, found in ids.items():
            cut[part] += int(backbone.cut_texts(list(texts[part][rows]), found.long()).sum())
        if set(texts) == {"safe", "unsafe"}:
            same = (ids["safe"] == ids["unsafe"]).all(1).nonzero()[:, 0] + rows.start
            alike += [row for row in same.tolist() if texts["safe"][row] != texts["unsafe"][row]]
    return CutTexts(
        texts=sum(map(len, texts.values())),
        cut=cut,
        context=backbone.tokenizer.context_length,
        alike=tuple(alike),
    )


@stage(TokensSpec, cost=_cost)
def tokenize(specs: Sequence[TokensSpec], store: Store, backbone: Backbone) -> None:
    """Tokenize each data set's texts once per tokenizer."""
    for spec in specs:
        texts = read_dataset(store.path(spec.dataset)).texts

        def build(folder: Path) -> None:
            arrays = SampleArrays.create(
                folder,
                samples=len(next(iter(texts.values()))),
                chunk=CHUNK,
                fields=dict.fromkeys(texts, token_field(backbone)),
            )
            for rows in arrays.missing():
                ids = {part: backbone.tokenize(texts[part][rows]) for part in texts}
                arrays.write(rows, {part: values.numpy() for part, values in ids.items()})
            write_cut_texts(folder, _cut_texts(texts, arrays, backbone))

        store.make(spec, build)
