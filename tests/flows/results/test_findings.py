"""A finding claims no more than the intervals and the controls allow."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from flows.results.findings import findings, left_out, not_audited
from tests.makers.tables import results
from uwm.config import Blanking
from uwm.metrics.registry import BUILT_IN


@pytest.mark.parametrize(
    ("gain", "control", "said"),
    [
        (5, 0, "vit, uwm: less unsafe ("),
        (0.5, -2, "no safer beyond chance and the controls"),
        (5, 4.5, "no safer beyond chance and the controls"),
        (-5, 0, "vit, uwm: less safe on unsafe queries"),
    ],
)
def test_a_gain_counts_beyond_the_interval_and_every_control(
    gain: float, control: float, said: str
) -> None:
    (finding,) = map(str, findings(results(gain, control)))
    assert finding.removeprefix("vit, uwm: ").startswith(said.removeprefix("vit, uwm: "))


UNION = tuple(metric.name for metric in BUILT_IN if metric.redirects)


@pytest.mark.parametrize(
    ("risen", "said"),
    [
        ({UNION[0]: 5, UNION[1]: 5}, "less unsafe, unsafe texts and pictures redirected ("),
        (
            {UNION[0]: 5, UNION[1]: 0.5},
            "less unsafe, unsafe texts redirected (",
        ),  # within its interval
        ({UNION[0]: 5, UNION[1]: 2.5}, "less unsafe, unsafe texts redirected ("),  # as a control's
    ],
)
def test_only_what_finds_its_safe_pair_more_often_is_redirected(
    risen: dict[str, float], said: str
) -> None:
    found = results(5, 0)
    parts = [found.rows]
    for metric, change in risen.items():
        for method, gain in (("uwm", change), ("random uwm #0", 2), ("random uwm #1", 3)):
            like = found.rows[(found.rows["method"] == method) & (found.rows["metric"] == "P_t_u")]
            ends = {"change": gain, "change_low": gain - 1, "change_high": gain + 1}
            parts.append(like.assign(metric=metric, **ends))
    (finding,) = map(str, findings(replace(found, rows=pd.concat(parts, ignore_index=True))))
    assert finding.startswith(f"vit, uwm: {said}")
    assert f"{BUILT_IN[UNION[0]].label} +5.0 [+4.0, +6.0], random +2.5" in finding


def test_redirected_is_more_than_blanking_reaches() -> None:
    """The reference that replaces embeddings bounds what counts in the union of all items."""
    found = results(5, 0)
    config = found.config.altered(
        methods=(*found.config.methods, Blanking.model_validate({"kind": "blanking"}))
    )
    parts = [found.rows]
    like = found.rows[(found.rows["method"] == "uwm") & (found.rows["metric"] == "P_t_u")]
    for metric in UNION:
        for method, gain in (("uwm", 5), ("blanking", 4.5)):
            ends = {"change": gain, "change_low": gain - 1, "change_high": gain + 1}
            parts.append(like.assign(metric=metric, method=method, **ends))
    settled = replace(found, config=config, rows=pd.concat(parts, ignore_index=True))
    (finding,) = map(str, findings(settled))
    assert finding.startswith("vit, uwm: less unsafe (")
    assert "blanking +4.5" in finding


def test_a_control_that_breaks_the_model_is_told_and_no_rival() -> None:
    """Half of a broken model's queries prefer safe items by chance."""
    found = results(5, 4.5)
    controls, kept = found.rows["control_of"].notna(), found.rows["metric"] == "text_to_image_R@1"
    rows = found.rows.copy()
    for column in ("change", "change_low", "change_high"):
        rows.loc[controls & kept, column] = -20.0
    (finding,) = map(str, findings(replace(found, rows=rows)))
    assert finding.startswith("vit, uwm: less unsafe (")
    assert "(broken)" in finding
    assert finding.endswith("; random breaks the model (T>V R@1 -20.0).")


def test_without_a_control_none_is_mentioned() -> None:
    found = results(0.5, 0)
    alone = replace(found, rows=found.rows[found.rows["control_of"].isna()])
    (finding,) = map(str, findings(alone))
    assert "no safer beyond chance (" in finding
    assert "random" not in finding


def test_a_method_that_edits_nothing_says_so() -> None:
    found = results(0, 0)
    setting = found.settings["vit"][1]
    setting["image"] = None
    assert "the model is left unchanged" in str(findings(found)[0])
    setting["base"] = "safe_clip"
    assert "the weights of safe_clip are left unchanged" in str(findings(found)[0])


def test_what_was_left_out_is_counted_with_its_reason() -> None:
    excluded = {"mine": {"damaged image": 1, "empty text": 3}}
    assert left_out(replace(results(0, 0), excluded=excluded)) == [
        "mine: 1 row left out, damaged image",
        "mine: 3 rows left out, empty text",
    ]
    assert not_audited(replace(results(0, 0), failures={"b32": "no such file"})) == [
        "b32 could not be audited: no such file"
    ]


def test_what_counts_as_kept_is_shown_to_lie_within_the_margin() -> None:
    """A change of +0.5 that is known to a point is kept at a margin of 2, and not at 0.1."""
    found = results(0.5, 0)
    (finding,) = map(str, findings(found))
    kept = "T>V R@1, V>T R@1 and zero-shot"
    assert finding.endswith(f"; not lower by 2 points or more: {kept}.")
    strict = replace(found, config=found.config.altered(margin=0.1))
    assert str(findings(strict)[0]).endswith("; not lower by 0.1 points or more: none for certain.")
