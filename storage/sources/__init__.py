"""What users bring, read into one form: the pictures, texts and rows of a data set.

A source is named by its configuration (`uwm.config`). Pair sources give the partitions `safe` and
`unsafe`, row by row; zero-shot sources the pictures `images` and the texts `prompts`, one or more
per class.
"""

from __future__ import annotations

from storage.sources.quarantine import check_quarantine, without_unreadable
from storage.sources.readers import reader, reads
from storage.sources.sampling import check_balance, sampled
from storage.sources.source import (
    ReadImage,
    Source,
    content_digest,
    digested,
    picture_digests,
    unchanged,
)
from uwm.config import PairsConfig, PairSet, ZeroShotConfig

__all__ = [
    "ReadImage",
    "Source",
    "check_pairs",
    "check_quarantine",
    "content_digest",
    "digested",
    "picture_digests",
    "read_pairs",
    "read_source",
    "reads",
    "unchanged",
    "without_unreadable",
]


def read_source(config: PairsConfig | ZeroShotConfig, seed: int = 0) -> Source:
    """The data set that `config` names, sampled and checked as it says.

    Raises:
        MissingSetError: a zero-shot benchmark is not in its folder.
        SourceError: files are missing, unreadable or malformed, or too many rows are unusable.
        PairingError: the two tables of a pair source differ in length or concept.
    """
    if not isinstance(config, PairSet):
        return reader(config)(config)
    source, concepts = read_pairs(config, seed)
    check_pairs(config, source, concepts)
    return source


def read_pairs(config: PairsConfig, seed: int = 0) -> tuple[Source, list[str]]:
    """The sample of a pair set with whatever is quarantined, and every concept of the whole set.

    Raises SourceError as `read_source`, but for unusable rows.
    """
    whole = reader(config)(config)
    chosen = sampled(whole, config.per_concept, seed if config.seed is None else config.seed)
    return chosen, sorted(set(whole.rows["concept"]) - {""})


def check_pairs(config: PairSet, source: Source, concepts: list[str]) -> None:
    """Raise SourceError when too many rows are unusable, or a concept has too few that are not."""
    rows = len(source.rows) + len(source.quarantined)
    check_quarantine(source.quarantined, rows, config.max_quarantined)
    check_balance(source, concepts, config.min_per_concept)
