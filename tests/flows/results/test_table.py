from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from flows.results.findings import findings
from flows.results.table import AuditResults, headline, summary
from uwm.config import AuditConfig
from uwm.metrics.registry import BUILT_IN, ZEROSHOT_MEAN

CONFIG = AuditConfig.model_validate(
    {
        "backbones": [{"kind": "demo", "name": "vit"}],
        "calibration": {"kind": "demo", "split": "calibration"},
        "benchmarks": [{"kind": "demo", "split": "test"}],
        "methods": [{"kind": "uwm"}, {"kind": "random", "of": "uwm", "seeds": 2}],
    }
)
METRICS = ("P_t_u", "P_v_u", "text_to_image_R@1", "image_to_text_R@1")


def rows(method: str, change: float, spread: float = 1, **extra: Any) -> list[dict[str, Any]]:
    return [
        {
            "backbone": "vit",
            "method": method,
            "dataset": ZEROSHOT_MEAN if metric == "top1" else "test",
            "concept": "",
            "metric": metric,
            "value": 10 + change,
            "low": 9 + change,
            "high": 11 + change,
            "n": 100,
            "change": change,
            "change_low": change - spread,
            "change_high": change + spread,
            "control_of": None,
            "seed": None,
            **extra,
        }
        for metric in (*METRICS, "top1")
    ]


def results(gain: float, control: float) -> AuditResults:
    table = rows("original", 0, 0) + rows("uwm", gain)
    for seed in (0, 1):
        table += rows(f"random uwm #{seed}", control + seed, control_of="uwm", seed=seed)
    part = {"unit": "weight"}
    settings: list[dict[str, Any]] = [
        {"method": "original", "image": None, "text": None},
        {"method": "uwm", "image": part, "text": None},
    ]
    return AuditResults(CONFIG, pd.DataFrame(table), {"vit": settings}, {"vit": {}}, {})


@pytest.mark.parametrize(
    ("gain", "control", "said"),
    [
        (5, 0, "vit, uwm: less unsafe ("),
        (0.5, -2, "not less unsafe beyond the interval"),
        (5, 4.5, "not less unsafe beyond the interval and its control"),
        (-5, 0, "vit, uwm: less safe on unsafe queries"),
    ],
)
def test_a_gain_counts_beyond_the_interval_and_every_control(
    gain: float, control: float, said: str
) -> None:
    (finding,) = findings(results(gain, control))
    assert finding.removeprefix("vit, uwm: ").startswith(said.removeprefix("vit, uwm: "))


UNION = tuple(metric.name for metric in BUILT_IN if metric.redirects)


@pytest.mark.parametrize(
    ("risen", "said"),
    [
        ({UNION[0]: 5, UNION[1]: 5}, "unsafe queries redirected ("),
        ({UNION[0]: 5, UNION[1]: 0.5}, "less unsafe ("),  # within its interval
        ({UNION[0]: 5, UNION[1]: 2.5}, "less unsafe ("),  # no more than a control's
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
    (finding,) = findings(replace(found, rows=pd.concat(parts, ignore_index=True)))
    assert finding.startswith(f"vit, uwm: {said}")
    assert f"{BUILT_IN[UNION[0]].label} +5.0 [+4.0, +6.0], random +2.5" in finding


def test_a_method_that_edits_nothing_says_so() -> None:
    found = results(0, 0)
    found.settings["vit"][1]["image"] = None
    assert "left as it is" in findings(found)[0]


def test_seeds_of_a_control_are_averaged_in_the_summary() -> None:
    table = summary(results(5, 0)).set_index("method")
    assert list(table.index) == ["original", "uwm", "random uwm"]
    assert table.loc["random uwm", "P_t_u"] == 10.5
    spread = headline(results(5, 0)).query("method == 'random uwm' and metric == 'P_t_u'")
    assert spread[["low", "high"]].to_numpy().tolist() == [[10, 11]]
