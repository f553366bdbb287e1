"""Small tables of results that tests share: one backbone, one method and its random control."""

from __future__ import annotations

from typing import Any

import pandas as pd

from flows.results.table import AuditResults
from uwm.config import AuditConfig
from uwm.metrics.registry import ZEROSHOT_MEAN

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
