"""Zero-shot sources: the demo's own sets, and folders of pictures by class."""

from __future__ import annotations

import json

import pandas as pd

from storage.pictures import FORMATS
from storage.sources.source import Source, cells, files, references
from uwm import demo
from uwm.config import DemoZeroShot, FolderZeroShot
from uwm.errors import SourceError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def demo_zeroshot(config: DemoZeroShot) -> Source:
    table = pd.read_parquet(demo.ZEROSHOT_SETS[config.set])
    described = json.loads(demo.ZEROSHOT_CLASSES.read_text())[config.set]
    return Source(
        rows=table[["label"]],
        images=references(table, images="image"),
        texts=_prompts(described["template"], described["classes"]),
        read=cells(table),
    )


def folder_zeroshot(config: FolderZeroShot) -> Source:
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
        read=files(config.images),
    )


def _prompts(template: str, classes: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"prompts": [template.replace("{}", name) for name in classes]})
