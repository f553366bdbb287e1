"""Pair sources: the demo's own sets, and two tables that pair row by row."""

from __future__ import annotations

import pandas as pd

from storage.files.tables import read_table
from storage.sources.concepts import concept_key
from storage.sources.quadruples import pictures, quadruple_source
from storage.sources.readers import reads
from storage.sources.source import Source, cells, files, references
from uwm import shipped
from uwm.config import DemoPairs, TablePairs
from uwm.errors import PairingError, SourceError

_COLUMNS = ("image", "text", "concept")


@reads(DemoPairs)
def demo_pairs(config: DemoPairs) -> Source:
    table = pd.read_parquet(shipped.PAIR_SETS[config.split])
    return Source(
        rows=table[["id", "concept"]],
        images=references(table, safe="safe_image", unsafe="unsafe_image"),
        texts=table[["safe_text", "unsafe_text"]].set_axis(["safe", "unsafe"], axis=1),
        read=cells(table),
    )


@reads(TablePairs)
def table_pairs(config: TablePairs) -> Source:
    """Quadruples of two tables that pair row by row.

    Raises:
        PairingError: the tables differ in length, or paired rows in concept.
        SourceError: a table that cannot be read, or lacks a column.
    """
    clusters = [config.cluster] if config.cluster else []
    safe = read_table(config.safe, list(dict.fromkeys((*_COLUMNS, *clusters))))
    unsafe = read_table(config.unsafe, _COLUMNS)
    if len(safe["concept"]) != len(unsafe["concept"]):
        raise PairingError(
            f"safe and unsafe pair row by row; {config.safe} has {len(safe['concept'])} rows and "
            f"{config.unsafe} has {len(unsafe['concept'])}. Drop unpaired rows first."
        )
    differing = sum(
        concept_key(str(one)) != concept_key(str(other))
        for one, other in zip(safe["concept"], unsafe["concept"], strict=True)
    )
    if differing:
        raise PairingError(
            f"paired rows share a concept; {differing} of {len(safe['concept'])} rows of "
            f"{config.safe} and {config.unsafe} do not. Sort both tables alike."
        )
    table = {"concept": unsafe["concept"], "safe_text": safe["text"], "unsafe_text": unsafe["text"]}
    table |= {name: safe[name] for name in clusters}
    try:
        columns = {"safe": safe["image"], "unsafe": unsafe["image"]}
        images, read = pictures(columns, files(config.images))
        return quadruple_source(table, images, read, config.cluster)
    except SourceError as error:
        raise SourceError(f"{config.safe} or {config.unsafe}: {error}") from error
