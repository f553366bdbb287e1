"""Labelled pictures in tar shards, as WebDataset writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from storage.files.listing import data_files
from storage.files.tar_shards import Member, read, samples
from storage.sources.readers import reads
from storage.sources.source import Source
from storage.sources.zeroshot.beside import names_of, templates_of
from storage.sources.zeroshot.labelled import Pictures, checked, labelled_source, own_names
from storage.sources.zeroshot.parquet import all_labels
from uwm.config import WebDatasetZeroShot
from uwm.errors import SourceError

_PICTURES = ("jpg", "jpeg", "png", "webp", "gif", "bmp")


@reads(WebDatasetZeroShot)
def webdataset_zeroshot(config: WebDatasetZeroShot) -> Source:
    members: dict[str, tuple[Path, Member]] = {}
    labels: dict[str, str] = {}
    excluded = {"no picture": 0, "no label": 0}
    for shard in data_files(config.data, "tar"):
        for key, files in samples(shard).items():
            picture = next((files[suffix] for suffix in _PICTURES if suffix in files), None)
            if picture is None:
                excluded["no picture"] += 1
                continue
            label = _label(shard, key, files, config.label)
            if label is None:
                excluded["no label"] += 1
                continue
            reference = f"{shard.name}/{key}.{picture.suffix}"
            members[reference], labels[reference] = (shard, picture), label
    names = names_of(config, config.data)
    if config.classes is None and not all(map(str.isdecimal, labels.values())):
        names = None  # names beside the data are those of numbers
    given = None if names is None else [label for label, _ in names]
    found = Pictures(
        references=list(members),
        labels=list(labels.values()),
        classes=all_labels(list(labels.values()), given, str(config.data)),
        read=lambda reference: read(*members[reference]),
        excluded={reason: count for reason, count in excluded.items() if count},
    )
    wanted = (
        f"samples of two or more classes, each a picture with a .cls or a .json of {config.label!r}"
    )
    checked(found, config.data, wanted)
    named = own_names(found.classes, names, str(config.data))
    return labelled_source(found, named, templates_of(config, config.data))


def _label(shard: Path, key: str, files: dict[str, Member], field: str) -> str | None:
    """What a sample's `.cls` says, else the field of its `.json`; None without either."""
    try:
        if "cls" in files:
            return read(shard, files["cls"]).decode().strip() or None
        if "json" not in files:
            return None
        described: Any = json.loads(read(shard, files["json"]))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise SourceError(
            f"the label of {key} in {shard} cannot be read: {error}. Write it as text, or as JSON "
            f"with {field!r}."
        ) from error
    found = described.get(field) if isinstance(described, dict) else None
    if found is not None and type(found) not in (int, str):
        raise SourceError(
            f"a label is a name or a number; {field!r} of {key} in {shard} is "
            f"a {type(found).__name__}"
        )
    return None if found is None else str(found).strip() or None
