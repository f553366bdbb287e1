"""Audit files, and what is said of those that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.audit_file.read import read_config
from uwm.errors import ConfigError

GOOD = """\
name: mine
backbones:
  - {kind: demo, name: vit}
calibration: {kind: demo, split: calibration}
benchmarks:
  - {kind: demo, split: test}
methods:
  - kind: uwm
    tau: 0.02
"""
"""An audit file without a fault."""


def problems(tmp_path: Path, text: str) -> str:
    """What is said of an audit file that is refused."""
    path = tmp_path / "audit.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    return str(caught.value)
