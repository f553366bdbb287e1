"""Pairs that an edit was made or chosen from and is measured on: a leak, to be told."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from storage.sources import Source, picture_digests
from tasks.datasets import identify
from uwm.config import AuditConfig, PairsConfig
from uwm.partitions import PARTITIONS


def leaks(config: AuditConfig) -> list[str]:
    """What each benchmark shares with the pairs that edits are made from or chosen on.

    A pair is the same where both texts and both pictures are, byte by byte. Pairs that share a
    picture, or both texts, are told apart from these: they are near to it. Ids do not count, since
    many sets number their rows.
    """
    return [
        said
        for part, data in _seen(config)
        for benchmark in config.benchmarks
        for said in _shared(part, data, benchmark, config.seed)
    ]


def _seen(config: AuditConfig) -> Iterator[tuple[str, PairsConfig]]:
    if config.edit_methods:
        yield "calibration", config.calibration
    if config.validation and any(method.chooses for method in config.methods):
        yield "validation", config.validation


def _shared(part: str, data: PairsConfig, benchmark: PairsConfig, seed: int) -> Iterator[str]:
    seen, asked = (_content(identify(item, seed)[0]) for item in (data, benchmark))
    whole = pd.MultiIndex.from_frame(asked).isin(pd.MultiIndex.from_frame(seen))
    texts = [f"{side}_text" for side in PARTITIONS]
    near = pd.MultiIndex.from_frame(asked[texts]).isin(pd.MultiIndex.from_frame(seen[texts]))
    for side in PARTITIONS:
        near |= asked[f"{side}_image"].isin(seen[f"{side}_image"]).to_numpy()
    total, same, close = len(asked), int(whole.sum()), int((near & ~whole).sum())
    where = f"{total} benchmark pairs of {benchmark.name}"
    if same:
        yield f"{same} of {where} are also {part} pairs of {data.name}: their figures flatter"
    if close:
        yield f"{close} of {where} share a picture or both texts with {part} pairs of {data.name}"


def _content(source: Source) -> pd.DataFrame:
    pictures = picture_digests(source)
    return pd.DataFrame(
        {f"{side}_text": source.texts[side].astype(str) for side in PARTITIONS}
        | {f"{side}_image": pictures[side].to_numpy() for side in PARTITIONS}
    )
