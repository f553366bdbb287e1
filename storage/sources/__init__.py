"""What users bring, read into one form: the pictures, texts and rows of a data set.

A source is named by its configuration (`uwm.config`). Pair sources give the partitions `safe` and
`unsafe`, row by row; zero-shot sources the pictures `images` and the texts `prompts`, one or more
per class.
"""

from __future__ import annotations

from storage.sources.hf_dataset import hf_dataset_pairs
from storage.sources.manifest import manifest_pairs
from storage.sources.pairs import demo_pairs, table_pairs
from storage.sources.quarantine import check_quarantine
from storage.sources.sampling import check_balance, sampled
from storage.sources.source import (
    ReadImage,
    Source,
    content_digest,
    digested,
    picture_digests,
    unchanged,
)
from storage.sources.visu import visu_pairs
from storage.sources.webdataset import webdataset_pairs
from storage.sources.zeroshot import prompts_digest, read_zeroshot
from uwm.config import (
    DemoPairs,
    HfDatasetPairs,
    ManifestPairs,
    PairsConfig,
    PairSet,
    TablePairs,
    VisuPairs,
    WebDatasetPairs,
    ZeroShotConfig,
)

__all__ = [
    "ReadImage",
    "Source",
    "check_pairs",
    "check_quarantine",
    "content_digest",
    "digested",
    "picture_digests",
    "prompts_digest",
    "read_pairs",
    "read_source",
    "unchanged",
]


def read_source(config: PairsConfig | ZeroShotConfig, seed: int = 0) -> Source:
    """The data set that `config` names, sampled and checked as it says.

    Raises:
        MissingSetError: a zero-shot benchmark is not in its folder.
        SourceError: files are missing, unreadable or malformed, or too many rows are unusable.
        PairingError: the two tables of a pair source differ in length or concept.
    """
    if not isinstance(config, PairSet):
        return read_zeroshot(config)
    source, concepts = read_pairs(config, seed)
    check_pairs(config, source, concepts)
    return source


def read_pairs(config: PairsConfig, seed: int = 0) -> tuple[Source, list[str]]:
    """The sample of a pair set with whatever is quarantined, and every concept of the whole set.

    Raises SourceError as `read_source`, but for unusable rows.
    """
    match config:
        case DemoPairs():
            whole = demo_pairs(config)
        case TablePairs():
            whole = table_pairs(config)
        case VisuPairs():
            whole = visu_pairs(config)
        case ManifestPairs():
            whole = manifest_pairs(config)
        case WebDatasetPairs():
            whole = webdataset_pairs(config)
        case HfDatasetPairs():
            whole = hf_dataset_pairs(config)
    chosen = sampled(whole, config.per_concept, seed if config.seed is None else config.seed)
    return chosen, sorted(set(whole.rows["concept"]) - {""})


def check_pairs(config: PairSet, source: Source, concepts: list[str]) -> None:
    """Raise SourceError when too many rows are unusable, or a concept has too few that are not."""
    rows = len(source.rows) + len(source.quarantined)
    check_quarantine(source.quarantined, rows, config.max_quarantined)
    check_balance(source, concepts, config.min_per_concept)
