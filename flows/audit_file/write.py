"""An audit as a YAML file, to be read back from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from uwm.config import AuditConfig


def write_config(path: Path, config: AuditConfig) -> None:
    """Write what `flows.audit_file.read` reads as the same audit; defaults are left out."""
    yaml = YAML()
    yaml.default_flow_style = None  # a layer's share and factor on one line
    yaml.dump(_plain(config.model_dump(exclude_defaults=True)), path)


def _plain(value: Any) -> Any:
    """Paths in full, times as ISO 8601, containers as YAML has them."""
    match value:
        case Path():
            return str(value.absolute())
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value
