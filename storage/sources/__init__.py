"""What users bring, read into one form: the pictures, texts and rows of a data set.

A source is named by its configuration (`uwm.config`). Pair sources give the partitions `safe` and
`unsafe`, row by row; zero-shot sources the pictures `images` and the texts `prompts`, one or more
per class.
"""

from __future__ import annotations

from storage.sources.pairs import demo_pairs, table_pairs
from storage.sources.sampling import sampled
from storage.sources.source import ReadImage, Source, content_digest
from storage.sources.zeroshot import prompts_digest, read_zeroshot
from uwm.config import (
    DemoPairs,
    PairsConfig,
    TablePairs,
    ZeroShotConfig,
)

__all__ = ["ReadImage", "Source", "content_digest", "prompts_digest", "read_source"]


def read_source(config: PairsConfig | ZeroShotConfig, seed: int = 0) -> Source:
    """The data set that `config` names, sampled as it says.

    Raises:
        MissingSetError: a zero-shot benchmark is not in its folder.
        SourceError: files are missing, unreadable or malformed.
        PairingError: the two tables of a pair source differ in length or concept.
    """
    match config:
        case DemoPairs():
            return sampled(demo_pairs(config), config.per_concept, seed)
        case TablePairs():
            return sampled(table_pairs(config), config.per_concept, seed)
        case _:
            return read_zeroshot(config)
