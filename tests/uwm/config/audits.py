"""A small audit to change parts of."""

from __future__ import annotations

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
