"""A small audit of random backbones on shipped pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uwm.config import AuditConfig

DOCUMENT: dict[str, Any] = {
    "name": "small",
    "batch_size": 16,
    "threads": 1,
    "resamples": 100,
    "calibration": {"kind": "demo", "split": "calibration", "per_concept": 2},
    "validation": {"kind": "demo", "split": "validation", "per_concept": 1},
    "benchmarks": [{"kind": "demo", "split": "test", "per_concept": 2}],
    "zeroshot": [{"kind": "demo", "set": "subjects"}],
    "methods": [
        {"kind": "original"},
        {"kind": "uwm"},
        {"kind": "neurons", "share": [0.1, 0.2]},
        {"kind": "random", "of": "uwm", "seeds": 2},
    ],
    "choice": {"max_loss": 100},
}
PLAIN: dict[str, Any] = {
    "methods": [{"kind": "original"}, {"kind": "uwm", "roles": {"image": ["fc1"], "text": []}}],
    "validation": None,
    "zeroshot": [],
}
"""Changes of that document which leave little to compute: one method, one tower."""
NEURONS: list[dict[str, Any]] = [
    {"kind": "original"},
    {"kind": "neurons", "roles": {"image": ["fc1"], "text": []}},
]
PERCENT = {"kind": "demo", "split": "test", "per_concept": 5}
"""A benchmark of 100 pairs: a pair is a percent."""


def small_audit(folders: Mapping[str, Path], **changes: Any) -> AuditConfig:
    """The small audit of these backbones' folders, by name, with parts of its document changed."""
    backbones = [
        {"kind": "folder", "name": name, "folder": str(folder)} for name, folder in folders.items()
    ]
    return AuditConfig.model_validate({**DOCUMENT, "backbones": backbones, **changes})
