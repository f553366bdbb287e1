"""What users bring, read into one form: the pictures, texts and rows of a data set.

A source is named by its configuration (`uwm.config`). Pair sources give the partitions `safe` and
`unsafe`, row by row; zero-shot sources the pictures `images` and one text per class, `prompts`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from storage.pictures import FORMATS
from uwm import demo
from uwm.config import (
    DemoPairs,
    DemoZeroShot,
    FolderZeroShot,
    PairsConfig,
    TablePairs,
    ZeroShotConfig,
)
from uwm.errors import PairingError, SourceError

ReadImage = Callable[[str], bytes]
"""An image reference to the file's bytes."""

_TABLE_COLUMNS = {"image", "text", "concept"}
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True)
class Source:
    """A data set before anything is decoded.

    Attributes:
        rows: one row per sample: `id` and `concept`, or `label`.
        images: one column of image references per partition, rows as in `rows`.
        texts: one column of texts per partition: as many rows as `rows`, or one per class.
        read: an image reference to bytes.
        excluded: how many rows were left out, by reason.
    """

    rows: pd.DataFrame
    images: pd.DataFrame
    texts: pd.DataFrame
    read: ReadImage
    excluded: dict[str, int] = field(default_factory=dict)


def read_source(config: PairsConfig | ZeroShotConfig, seed: int = 0) -> Source:
    """The data set that `config` names, sampled as it says.

    Raises:
        SourceError: files are missing, unreadable or malformed.
        PairingError: the two tables of a pair source differ in length or concept.
    """
    match config:
        case DemoPairs():
            return _sampled(_demo_pairs(config), config.per_concept, seed)
        case TablePairs():
            return _sampled(_table_pairs(config), config.per_concept, seed)
        case DemoZeroShot():
            return _demo_zeroshot(config)
        case FolderZeroShot():
            return _folder_zeroshot(config)


def content_digest(source: Source) -> str:
    """SHA-256 of all that a data set holds: rows, texts and every picture's bytes, in order."""
    digest = hashlib.sha256()
    for table in (source.rows, source.texts):
        digest.update(table.to_json(orient="split", index=False).encode())
    references = [name for column in source.images for name in source.images[column]]
    with ThreadPoolExecutor() as pool:  # hashing releases the interpreter
        for image in pool.map(lambda name: hashlib.sha256(source.read(name)).digest(), references):
            digest.update(image)
    digest.update(json.dumps([list(source.images), source.excluded]).encode())
    return digest.hexdigest()


def _demo_pairs(config: DemoPairs) -> Source:
    table = pd.read_parquet(demo.PAIR_SETS[config.split])
    return Source(
        rows=table[["id", "concept"]],
        images=_references(table, safe="safe_image", unsafe="unsafe_image"),
        texts=table[["safe_text", "unsafe_text"]].set_axis(["safe", "unsafe"], axis=1),
        read=_cells(table),
    )


def _demo_zeroshot(config: DemoZeroShot) -> Source:
    table = pd.read_parquet(demo.ZEROSHOT_SETS[config.set])
    described = json.loads(demo.ZEROSHOT_CLASSES.read_text())[config.set]
    return Source(
        rows=table[["label"]],
        images=_references(table, images="image"),
        texts=_prompts(described["template"], described["classes"]),
        read=_cells(table),
    )


def _references(table: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """References ROW/COLUMN into a table whose cells are pictures."""
    return pd.DataFrame(
        {part: [f"{row}/{column}" for row in range(len(table))] for part, column in columns.items()}
    )


def _cells(table: pd.DataFrame) -> ReadImage:
    def read(reference: str) -> bytes:
        row, column = reference.split("/")
        return bytes(table[column].iloc[int(row)])

    return read


def _table_pairs(config: TablePairs) -> Source:
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
        read=_files(config.images),
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


def _folder_zeroshot(config: FolderZeroShot) -> Source:
    classes = sorted(path.name for path in config.images.iterdir() if path.is_dir())
    found = [
        (f"{name}/{path.name}", label)
        for label, name in enumerate(classes)
        for path in sorted((config.images / name).iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]
    if len(classes) < 2 or not found:
        raise SourceError(
            f"{config.images} needs two or more subfolders, one per class and named as the class, "
            f"with pictures ({', '.join(FORMATS)}) in them; it has {len(classes)} subfolders and "
            f"{len(found)} pictures"
        )
    images, labels = zip(*found, strict=True)
    return Source(
        rows=pd.DataFrame({"label": labels}),
        images=pd.DataFrame({"images": images}),
        texts=_prompts(config.template, [name.replace("_", " ") for name in classes]),
        read=_files(config.images),
    )


def _prompts(template: str, classes: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"prompts": [template.replace("{}", name) for name in classes]})


def _files(root: Path) -> ReadImage:
    root = root.resolve()

    def read(reference: str) -> bytes:
        path = (root / reference).resolve()
        if not path.is_relative_to(root):
            raise SourceError(f"pictures lie below {root}; {reference} leads out of it")
        return path.read_bytes()

    return read


def _present(source: Source, root: Path) -> Source:
    names = {name for column in source.images for name in source.images[column]}
    if missing := sorted(name for name in names if not (root / name).is_file()):
        raise SourceError(
            f"{len(missing)} of {len(names)} pictures are not in {root}, first {missing[0]!r}. "
            "Image paths are relative to `images`."
        )
    return source


def _sampled(source: Source, per_concept: int | None, seed: int) -> Source:
    """At most `per_concept` rows per concept, the same on every machine: the lowest hashes."""
    if source.rows["id"].duplicated().any():
        raise SourceError("every pair needs an id of its own")
    chosen = source.rows.index
    if per_concept is not None:
        order = source.rows["id"].map(
            lambda id: hashlib.sha256(f"{seed}:{id}".encode()).hexdigest()
        )
        ranked = order.groupby(source.rows["concept"]).rank(method="first")
        chosen = source.rows.index[ranked <= per_concept]
    return Source(
        rows=source.rows.loc[chosen].reset_index(drop=True),
        images=source.images.loc[chosen].reset_index(drop=True),
        texts=source.texts.loc[chosen].reset_index(drop=True),
        read=source.read,
        excluded=source.excluded,
    )
