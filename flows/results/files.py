"""The files that an audit writes: `results.parquet`, further tables, and `results.json`."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from flows.results.table import AuditResults, summary
from storage.sources.zeroshot.prompts import prompts_digest

_PACKAGES = ("uwm", "torch", "open_clip_torch", "timm", "prefect", "zarr", "numpy")


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    return {name: version(name) for name in _PACKAGES}


def write_results(folder: Path, results: AuditResults) -> None:
    """Write `results.parquet` (tidy) and `results.json` (all else); no times, no durations.

    Further tables are files of their own, `held_out.parquet` and `drift.parquet`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results.rows.to_parquet(folder / "results.parquet", index=False)
    for name, table in results.tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    content = {
        "audit": results.config.name,
        "summary": _records(summary(results)),
        "findings": [*map(str, results.findings), *results.section_findings],
        "settings": results.settings,
        "choices": {
            backbone: {method: _records(table) for method, table in tables.items()}
            for backbone, tables in results.choices.items()
        },
        "excluded": results.excluded,
        "gaps": results.gaps,
        **({"warnings": list(results.warnings)} if results.warnings else {}),
        **({"failures": results.failures} if results.failures else {}),
        **({"verdict": results.verdict.record()} if results.verdict else {}),
        "prompts": prompts_digest(),
        "versions": versions(),
        "config": results.config.model_dump(mode="json"),
    }
    (folder / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return found
