"""A claim is made beyond the intervals, and says what it costs."""

from __future__ import annotations

import pytest

from flows.search.claims import Claim, compared
from uwm.metrics.changes import Change
from uwm.metrics.registry import BUILT_IN

SHOWN = [metric.name for metric in compared(BUILT_IN)]
ZERO_SHOT = BUILT_IN.zeroshot.name
UP, DOWN, SAME = Change(5.0, 1.0), Change(-5.0, 1.0), Change(0.5, 1.0)
WIDE, FAINT = Change(-0.5, 3.0), Change(2.1, 1.0)


def claim(**changes: Change) -> Claim:
    return Claim("safer", "search safer", dict.fromkeys((*SHOWN, ZERO_SHOT), SAME) | changes)


@pytest.mark.parametrize(
    ("found", "beats", "said"),
    [
        (claim(), False, "does not beat"),
        (claim(GS=UP), True, "in GS, with zero-shot not lower by 2 points or more"),
        (claim(GS=FAINT), False, "does not beat"),  # significant by itself, and not as one of two
        (claim(GS=UP, **{ZERO_SHOT: WIDE}), False, "2 points or more in zero-shot is not excluded"),
        (claim(GS=UP, PU=UP, **{ZERO_SHOT: UP}), True, "in PU and GS"),
        (claim(P_t_u=UP), False, "does not beat"),
        (claim(GS=UP, **{ZERO_SHOT: DOWN}), False, "in GS, but loses zero-shot"),
        (claim(GS=UP, **{"image_to_text_R@1": DOWN}), True, "with zero-shot not lower"),
        (Claim("safer", None, {}), False, "no point qualified"),
    ],
)
def test_a_pick_beats_the_default_beyond_the_intervals_or_not_at_all(
    found: Claim, beats: bool, said: str
) -> None:
    assert found.beats is beats
    assert said in found.sentence("vit")


def test_without_zero_shot_sets_recall_is_what_must_not_fall() -> None:
    changes = dict.fromkeys(SHOWN, SAME) | {"GS": UP, "text_to_image_R@1": DOWN}
    found = Claim("safer", "search safer", changes)
    assert not found.beats
    assert "but loses T>V R@1" in found.sentence("vit")
