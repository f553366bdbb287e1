"""The demo's own zero-shot sets."""

from __future__ import annotations

import json

import pandas as pd

from storage.sources.readers import reads
from storage.sources.source import Source, cells, references
from storage.sources.zeroshot.labelled import Pictures, labelled_source
from uwm import shipped
from uwm.config import DemoZeroShot


@reads(DemoZeroShot)
def demo_zeroshot(config: DemoZeroShot) -> Source:
    table = pd.read_parquet(shipped.ZEROSHOT_SETS[config.set])
    described = json.loads(shipped.ZEROSHOT_CLASSES.read_text(encoding="utf-8"))[config.set]
    pictures = Pictures(
        references=references(table, images="image")["images"].tolist(),
        labels=table["label"].astype(str).tolist(),
        classes=[str(label) for label in range(len(described["classes"]))],
        read=cells(table),
    )
    return labelled_source(pictures, described["classes"], [described["template"]])
