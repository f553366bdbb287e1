"""A small audit to change parts of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uwm.config import AuditConfig


def audit(**changes: Any) -> AuditConfig:
    return AuditConfig.model_validate(
        {
            "backbones": [{"kind": "demo", "name": "vit"}],
            "calibration": {"kind": "demo", "split": "calibration"},
            "benchmarks": [{"kind": "demo", "split": "test"}],
            "methods": [{"kind": "uwm"}],
            **changes,
        }
    )


def zoo(folder: Path) -> AuditConfig:
    """Three backbones, and parts of every sort that name one another.

    Args:
        folder: one that exists.
    """
    weights = {"kind": "folder", "folder": str(folder)}
    rule = {"metric": "GS", "floor": 1}
    return audit(
        backbones=[{"kind": "demo", "name": name} for name in ("vit", "siglip", "coca")],
        validation={"kind": "demo", "split": "validation"},
        zeroshot=[{"kind": "demo", "set": "subjects"}, {"kind": "demo", "set": "objects"}],
        methods=[
            {"kind": "original"},
            {"kind": "uwm", "tau": {"image": 0.02, "text": [0.02, 0.05]}, "prior": {"text": False}},
            {"kind": "g_unsafe"},
            {"kind": "checkpoint", "name": "two", "weights": {"vit": weights, "coca": weights}},
            {"kind": "checkpoint", "name": "one", "weights": {"vit": weights}},
            {"kind": "safe_clip"},
            {"kind": "neurons", "name": "on two", "base": "two"},
            {"kind": "neurons", "name": "on one", "base": "one"},
            {"kind": "random", "of": "uwm"},
            {"kind": "random", "of": "on one"},
            {"kind": "layerwise", "name": "search safer", "settings": {"text.01.fc2": [0.1, -2]}},
        ],
        policy={
            "against": "2026-11-24T10:30:00Z",
            "rules": [
                rule,
                {**rule, "methods": ["one", "uwm"], "backbones": ["siglip", "vit"]},
                {**rule, "methods": ["on one"]},
                {"metric": "zero-shot", "floor": 1, "datasets": ["objects"]},
            ],
        },
        held_out={"methods": ["uwm"]},
        drift={"methods": ["uwm"], "sizes": [2]},
        sweep={"kind": "neurons", "share": "0.01:0.1:3:log", "alpha": [-1, 1]},
        search={"zeroshot": [{"kind": "demo", "set": "backgrounds"}]},
    )
