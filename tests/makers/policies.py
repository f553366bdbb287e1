"""Audits with a policy, and a backbone that gets worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from flows.audit.flow import audit
from flows.results.table import AuditResults
from flows.results.verdict import Verdict
from uwm.backbones.load import load
from uwm.config import AuditConfig

ANY_FALL: list[dict[str, Any]] = [{"metric": "P_t_s", "max_fall": 0.0}]


def damage(model: Path) -> None:
    """Blind the image tower: every picture has the same embedding, and a tie is not safe."""
    path = model / "open_clip_model.safetensors"
    weights = load_file(path)
    weights["visual.ln_post.weight"].zero_()
    weights["visual.ln_post.bias"].fill_(1)
    save_file(weights, path)
    load.cache_clear()


def judged(document: dict[str, Any], folder: Path) -> tuple[AuditResults, Verdict]:
    """Results and verdict of an audit with a policy."""
    results = audit(
        AuditConfig.model_validate(document), str(folder / "store"), str(folder / "out")
    )
    assert results.verdict is not None
    return results, results.verdict
