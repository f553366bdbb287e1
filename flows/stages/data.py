"""Data sets, read and digested once per process."""

from __future__ import annotations

from functools import lru_cache

from storage.sources import (
    Source,
    content_digest,
    digested,
    read_source,
    without_unreadable,
)
from tasks.datasets import DatasetSpec
from uwm.config import (
    AuditConfig,
    PairsConfig,
    ZeroShotConfig,
    ZeroShotSet,
)
from uwm.errors import MissingSetError, SourceError

DataConfig = PairsConfig | ZeroShotConfig


@lru_cache(maxsize=64)
def identify(config: DataConfig, seed: int) -> tuple[Source, DatasetSpec]:
    """A data set and its spec; read and digested once per process."""
    source = read_source(config, seed)
    if isinstance(config, ZeroShotSet):
        source = without_unreadable(source, config.name, config.max_quarantined)
    source = digested(source)
    return source, DatasetSpec.of(content_digest(source))


def without_missing(config: AuditConfig) -> tuple[AuditConfig, dict[str, str]]:
    """The audit of the zero-shot sets that are there, and what of the others is not, by set.

    Raises:
        SourceError: none of them is there.
    """
    there: list[ZeroShotConfig] = []
    gaps: dict[str, str] = {}
    for data in config.zeroshot_sets:
        try:
            source, _ = identify(data, config.seed)
        except MissingSetError as error:
            gaps[data.name] = str(error)
            continue
        there.append(data)
        count = int(source.rows["times"].sum())
        if source.official and count < source.official:
            gaps[data.name] = f"{data.name} has {count} of its {source.official} pictures"
    if gaps and not there:
        raise SourceError("\n  ".join(["no zero-shot set is where it should be", *gaps.values()]))
    return config.altered(zeroshot=tuple(there)), gaps
