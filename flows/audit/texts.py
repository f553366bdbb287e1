"""Texts that one backbone cannot tell or use, which only its own tokenizer knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from storage.sources import check_quarantine
from tasks.datasets import DataConfig, identify
from uwm.config import AuditConfig, PairSet
from uwm.wording import plural

FEW_TOKENS = "fewer than two real tokens"
ALIKE = "safe and unsafe text are the same to the tokenizer"


def short_texts(stages: Stages, config: AuditConfig, calibration: Inputs) -> dict[str, int]:
    """Calibration pairs that the text tower's scores leave out.

    Scores by statistics, that is: a gradient needs no standard deviation over tokens.

    Benchmarks keep such pairs: a single token has an embedding.

    Raises:
        SourceError: more of them than the calibration set's `max_quarantined`.
    """
    if not config.scored_roles("text"):
        return {}
    short = stages.short_texts(calibration.text)
    _check(config.calibration, config.seed, short, FEW_TOKENS, "for this backbone's tokenizer")
    return {FEW_TOKENS: len(short)} if short else {}


def unread_texts(
    stages: Stages, seed: int, sets: Mapping[str, DataConfig], inputs: Mapping[str, Inputs]
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Pairs that a backbone is not measured on, and sentences on texts that it does not read whole.

    Pairs whose texts differ while their token ids do not, because the context cuts them where they
    begin to differ, as a rule: a text tower gives both one embedding, and every metric would count
    a tie. They are left out of whatever is measured. Calibration keeps them: they weigh nothing.

    Args:
        sets: by the name that results give them; each is among `inputs` by the same key.

    Returns:
        Per set with such pairs their number by reason, and the sentences.

    Raises:
        SourceError: more such pairs than the set's `max_quarantined`.
    """
    left_out: dict[str, dict[str, int]] = {}
    told: list[str] = []
    for name, data in sets.items():
        found = stages.cut_texts(inputs[name].text)
        count = sum(found.cut.values())
        if count:
            told.append(
                f"{stages.name} reads {found.context} tokens of a text: {count} of "
                f"{plural(found.texts, 'text')} of {name} are longer than that and cut off"
            )
        if found.alike and isinstance(data, PairSet):
            why = f"{stages.name} reads {found.context} tokens, longer ones are cut off"
            _check(data, seed, found.alike, ALIKE, why)
            left_out[name] = {ALIKE: len(found.alike)}
            told.append(
                f"{stages.name}: {plural(len(found.alike), 'pair')} of {name} have texts that are "
                "the same to its tokenizer, and are not measured"
            )
    return left_out, told


def _check(data: PairSet, seed: int, rows: Sequence[int], reason: str, detail: str) -> None:
    """Raise SourceError where more rows of a pair set cannot be used than it allows."""
    source, _ = identify(data, seed)
    found = pd.DataFrame({"id": source.rows["id"].iloc[list(rows)]})
    check_quarantine(
        found.assign(reason=reason, detail=detail), len(source.rows), data.max_quarantined
    )
