"""Data sets that an audit may do without."""

from __future__ import annotations

from tasks.datasets import identify
from uwm.config import AuditConfig, ZeroShotConfig
from uwm.errors import MissingSetError, SourceError


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
