"""A zero-shot set of one's own: a table of pictures and their classes.

In an audit's file: `{kind: labelled_table.py:LabelledTable, name: mine, table: data/labels.csv}`.
The table has the columns `picture`, a path beside the table, and `class`.
"""

from __future__ import annotations

import csv

from storage.sources import Source, reads
from storage.sources.source import files
from storage.sources.zeroshot.labelled import Pictures, labelled_source
from uwm.config import ZeroShotSet
from uwm.config.settings import File, Name
from uwm.errors import SourceError


class LabelledTable(ZeroShotSet):
    """A CSV file with a row per picture."""

    name: Name
    table: File
    template: str = "a photo of a {}."


@reads(LabelledTable)
def labelled_table(config: LabelledTable) -> Source:
    """Every class that the table names, prompted with the one template."""
    with config.table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"picture", "class"} <= rows[0].keys():
        raise SourceError(f"{config.table} should have the columns picture and class, and rows")
    labels = [row["class"] for row in rows]
    classes = sorted(set(labels))
    pictures = Pictures(
        references=[row["picture"] for row in rows],
        labels=labels,
        classes=classes,
        read=files(config.table.parent),
    )
    return labelled_source(pictures, classes, [config.template])
