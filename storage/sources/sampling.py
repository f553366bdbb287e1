"""Concept-balanced samples of a pair source, the same on every machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import pandas as pd

from storage.sources.quarantine import Examined, Examiner
from storage.sources.source import Source
from uwm.errors import SourceError
from uwm.method.subsets import rank
from uwm.metrics.concepts import displayed


def sampled(source: Source, per_concept: int | None, seed: int) -> Source:
    """At most `per_concept` usable rows per concept, in the order of `source`.

    Rows are looked at in the order of a hash of seed and id until their concept has its share; what
    is looked at and cannot be used is quarantined. So the sample is drawn from usable rows, only
    the pictures that it needs are read, and it depends on nothing but the data and the seed.
    """
    verdicts: dict[int, Examined] = {}
    examine = Examiner(source)
    for rows in _rounds(source.rows, per_concept, seed, verdicts):
        verdicts.update(zip(rows, examine(rows), strict=True))
    taken = sorted(row for row, found in verdicts.items() if found.fault is None)
    left = sorted(verdicts.keys() - set(taken))
    quarantined = pd.DataFrame(
        [(source.rows["id"].iat[row], *(verdicts[row].fault or ())) for row in left],
        columns=["id", "reason", "detail"],
        dtype="str",
    )
    return Source(
        rows=source.rows.iloc[taken].reset_index(drop=True),
        images=source.images.iloc[taken].reset_index(drop=True),
        texts=source.texts.iloc[taken].reset_index(drop=True).astype("str"),
        read=source.read,
        excluded={str(why): int(n) for why, n in quarantined["reason"].value_counts().items()},
        quarantined=quarantined,
        digests=pd.DataFrame(
            [verdicts[row].digests for row in taken], columns=list(source.images), dtype="str"
        ),
    )


def check_balance(source: Source, concepts: Sequence[str], least: int) -> None:
    """Raise SourceError when one of `concepts` has fewer than `least` rows."""
    counts = source.rows["concept"].value_counts()
    few = {name: int(counts.get(name, 0)) for name in sorted(set(concepts))}
    if short := [f"{displayed(name)} ({n})" for name, n in few.items() if n < least]:
        raise SourceError(
            f"every concept needs {least} usable pairs (`min_per_concept`); fewer have "
            f"{', '.join(short)}. Add pairs, or lower the minimum."
        )


def _rounds(
    rows: pd.DataFrame, per_concept: int | None, seed: int, verdicts: dict[int, Examined]
) -> Iterator[list[int]]:
    """Rows to look at next, by position: as many of each concept as it still lacks."""
    if per_concept is None:
        yield list(range(len(rows)))
        return
    ids, concepts = rows["id"].astype(str).tolist(), rows["concept"].astype(str).tolist()
    waiting: dict[str, deque[int]] = {}
    for row in sorted(range(len(rows)), key=lambda row: rank(seed, ids[row])):
        waiting.setdefault(concepts[row], deque()).append(row)
    asked: dict[str, list[int]] = {concept: [] for concept in waiting}
    while True:
        wave = []
        for concept, queue in waiting.items():
            usable = sum(verdicts[row].fault is None for row in asked[concept])
            drawn = [queue.popleft() for _ in range(min(per_concept - usable, len(queue)))]
            asked[concept] += drawn
            wave += drawn
        if not wave:
            return
        yield wave
