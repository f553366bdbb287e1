"""Pair sources: the demo's own sets, and two tables that pair row by row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from storage.sources.source import Source, cells, files, references
from uwm import demo
from uwm.config import DemoPairs, TablePairs
from uwm.errors import PairingError, SourceError

_TABLE_COLUMNS = {"image", "text", "concept"}


def demo_pairs(config: DemoPairs) -> Source:
    table = pd.read_parquet(demo.PAIR_SETS[config.split])
    return Source(
        rows=table[["id", "concept"]],
        images=references(table, safe="safe_image", unsafe="unsafe_image"),
        texts=table[["safe_text", "unsafe_text"]].set_axis(["safe", "unsafe"], axis=1),
        read=cells(table),
    )


def table_pairs(config: TablePairs) -> Source:
    safe, unsafe = _table(config.safe), _table(config.unsafe)
    if len(safe) != len(unsafe):
        raise PairingError(
            f"safe and unsafe pair row by row; {config.safe} has {len(safe)} rows and "
            f"{config.unsafe} has {len(unsafe)}. Drop unpaired rows first."
        )
    if differing := (safe["concept"] != unsafe["concept"]).sum():
        raise PairingError(
            f"paired rows share a concept; {differing} of {len(safe)} rows of {config.safe} and "
            f"{config.unsafe} do not. Sort both tables alike."
        )
    whole = (safe["text"].str.strip() != "") & (unsafe["text"].str.strip() != "")
    safe, unsafe = safe[whole], unsafe[whole]
    source = Source(
        rows=pd.DataFrame({"id": whole.index[whole].astype(str), "concept": unsafe["concept"]}),
        images=pd.DataFrame({"safe": safe["image"], "unsafe": unsafe["image"]}),
        texts=pd.DataFrame({"safe": safe["text"], "unsafe": unsafe["text"]}),
        read=files(config.images),
        excluded={"empty text": int((~whole).sum())} if not whole.all() else {},
    )
    return _present(source, config.images)


def _table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} is not a readable CSV or Parquet table: {error}") from error
    if missing := sorted(_TABLE_COLUMNS - set(table)):
        raise SourceError(
            f"{path} needs the columns image, text and concept; it lacks {', '.join(missing)}"
        )
    if table.empty:
        raise SourceError(f"{path} has no rows")
    return table[sorted(_TABLE_COLUMNS)].fillna("").astype(str)


def _present(source: Source, root: Path) -> Source:
    names = {name for column in source.images for name in source.images[column]}
    if missing := sorted(name for name in names if not (root / name).is_file()):
        raise SourceError(
            f"{len(missing)} of {len(names)} pictures are not in {root}, first {missing[0]!r}. "
            "Image paths are relative to `images`."
        )
    return source
