"""Reading what an audit wrote, as data frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """An audit's results.

    Attributes:
        rows: one row per backbone, method, data set, metric and concept, in percent with its 95 %
            interval and the change from the original.
        summary: one row per backbone and method with the headline metrics.
        tables: the further tables by name, such as `held_out` and `drift`.
        findings: what the report says in sentences.
        document: all of `results.json`: settings, choices, configuration and versions.
    """

    rows: pd.DataFrame
    summary: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]
    findings: tuple[str, ...]
    document: Mapping[str, Any]


def results(folder: str | Path) -> Results:
    """Read the folder that `uwm audit --out` names.

    Raises:
        InputError: the folder lacks `results.parquet` or `results.json`.

    Example:
        >>> import uwm
        >>> found = uwm.results(".uwm/out/demo")  # doctest: +SKIP
        >>> found.summary.set_index(["backbone", "method"])["P_t_u"]  # doctest: +SKIP
    """
    import pandas as pd

    path = Path(folder)
    if missing := [
        name for name in ("results.parquet", "results.json") if not (path / name).is_file()
    ]:
        raise InputError(
            f"{path} lacks {' and '.join(missing)}; give the folder that an audit wrote, such as "
            ".uwm/out/demo"
        )
    document = json.loads((path / "results.json").read_text(encoding="utf-8"))
    others = sorted(file for file in path.glob("*.parquet") if file.stem != "results")
    return Results(
        rows=pd.read_parquet(path / "results.parquet"),
        summary=pd.DataFrame(document["summary"]),
        tables={file.stem: pd.read_parquet(file) for file in others},
        findings=tuple(document["findings"]),
        document=document,
    )
