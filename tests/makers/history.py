"""Audits that a store keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.store.history import Figure, KeptAudit

WHEN = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)


def audit_of(days: int = 0, **fields: object) -> KeptAudit:
    """An audit that was run some days after `WHEN`; `fields` replace its own."""
    row = {"backbone": "vit", "method": "original", "dataset": "test", "metric": "GS"}
    return KeptAudit.model_validate(
        {
            "name": "weekly",
            "when": WHEN + timedelta(days=days),
            "data": {"test": "abc"},
            "evaluations": {"vit": {"original": ["results/1"]}},
            "figures": [Figure(**row, value=50, low=48, high=52, n=100)],
            "verdict": "passed",
            **fields,
        }
    )
