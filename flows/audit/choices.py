"""The choice of a grid's point: what is tried of both towers, measured on the validation pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TypeVar

import pandas as pd

from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from tasks.choose import ChoiceSpec
from tasks.embed import EmbeddingsSpec
from tasks.metrics import metric_plugins
from uwm.config import AuditConfig
from uwm.families import TOWERS, Tower

T = TypeVar("T")


def choose_pair(
    stages: Stages,
    config: AuditConfig,
    method: str,
    tried: Mapping[Tower, Sequence[T]],
    embedded: Callable[[Tower, T | None], EmbeddingsSpec],
    described: Callable[[T], Mapping[str, float]],
    data: Inputs,
) -> tuple[tuple[T | None, T | None], pd.DataFrame]:
    """What is chosen for the image tower and for the text tower, and the table of all candidates.

    Every pair is a candidate, and so is each tower's with the other tower as it is; the original
    comes first. Waits until the choice is made.

    Args:
        tried: per tower; none where it is left alone.
        embedded: the embeddings of `data` by a tower with one of these, or as it is.
        described: what a candidate is called, a column of the table for each tower.
    """
    candidates = list(product([None, *tried["image"]], [None, *tried["text"]]))
    found = {
        (tower, each): embedded(tower, each) for tower in TOWERS for each in [None, *tried[tower]]
    }
    pairs = [(found["image", image], found["text", text]) for image, text in candidates]
    choice = ChoiceSpec(
        pairs=data.dataset,
        candidates=pairs,
        rule=config.rule_for(method),
        metrics=metric_plugins(config.metrics),
    )
    stages.make([choice], method)
    table = stages.chosen(choice)
    asked = [[{} if item is None else described(item) for item in pair] for pair in candidates]
    names = dict.fromkeys(name for pair in asked for item in pair for name in item)
    points = {
        f"{tower}_{name}": [pair[at].get(name, float("nan")) for pair in asked]
        for at, tower in enumerate(TOWERS)
        for name in names
    }
    table = pd.concat([pd.DataFrame(points, index=table.index), table], axis=1)
    return candidates[int(table["chosen"].to_numpy().argmax())], table
