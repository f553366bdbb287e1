"""How `neurons` works best on the demo zoo: `python -m tests.benchmarks.neurons STORE`.

Scores, shares, factors and blocks are compared on the validation pairs, each tower alone, so that
what is recommended is chosen without the test pairs. Prints the tables of docs/neurons.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pandas as pd
from pydantic import TypeAdapter

from flows.options import prepare_prefect
from flows.sweep.page import SAFE, summary
from flows.sweep.zoo import sweep
from uwm.config import AuditConfig, NodeScoreKind, SweepSettings
from uwm.layers import TOWERS

AUDIT = {
    "name": "neurons",
    "threads": 1,
    "batch_size": 16,
    "backbones": [{"kind": "demo", "name": name} for name in ("vit", "coca", "siglip")],
    "calibration": {"kind": "demo", "split": "calibration"},
    "benchmarks": [{"kind": "demo", "split": "validation"}],
    "methods": [{"kind": "original"}],
    "resamples": 200,
}
MAX_LOSS = 6.5
"""Points of recall@1 that may be lost, as in the demo's own choice."""
GRID = {"share": [0.03, 0.06, 0.1], "alpha": [-1, -2, -3]}
STUDIES: dict[str, list[dict[str, Any]]] = {
    "scores, share of each block": [
        {**GRID, "score": list(get_args(NodeScoreKind)), "scope": ["block"]}
    ],
    "scores, share of the tower": [
        {**GRID, "score": ["ratio", "standardized"], "scope": ["tower"]}
    ],
    "blocks": [
        {
            **GRID,
            "score": ["ratio"],
            "scope": ["block"],
            "blocks": {tower: ["early", "late"] for tower in TOWERS},
        }
    ],
    "factors": [
        {
            "share": [0.06],
            "score": ["ratio"],
            "scope": ["block"],
            "alpha": [0, -0.5, -1, -1.5, -2, -2.5, -3],
            "controls": 2,
        }
    ],
}
RECALL = ["T>V R@1", "V>T R@1"]


def swept(store: str, settings: dict[str, Any]) -> pd.DataFrame:
    """A row per edit of one tower, with `loss` of recall and `gain` in safety."""
    found: list[pd.DataFrame] = []
    for tower in TOWERS:
        roles = {name: [["fc2"]] if name == tower else [] for name in TOWERS}
        wanted: SweepSettings = TypeAdapter(SweepSettings).validate_python(
            {"kind": "neurons", "roles": roles, **settings}
        )
        with TemporaryDirectory() as folder:
            results = sweep(AuditConfig.model_validate(AUDIT), wanted, store, folder)
        table = summary(results)
        table["recall"] = table[RECALL].mean(axis=1)
        original = table[table["method"] == '{"kind": "original"}'].set_index("backbone")
        table["gain"] = table[SAFE] - table["backbone"].map(original[SAFE])
        table["loss"] = table["backbone"].map(original["recall"]) - table["recall"]
        edited = table[table[f"{tower}_share"].notna()]
        names = {f"{tower}_{name}": name for name in ("share", "alpha", "blocks")}
        keep = ["backbone", "score", "selects", "control", "P_t_u", "P_v_u", "GS", "gain", "loss"]
        found.append(edited.rename(columns=names)[[*names.values(), *keep]].assign(tower=tower))
    return pd.concat(found, ignore_index=True)


def best(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Per backbone, tower and `by`: the safest edit that keeps recall."""
    kept = table[table["control"].isna() & (table["loss"] <= MAX_LOSS)]
    top = kept.sort_values("gain", ascending=False).drop_duplicates(["backbone", "tower", *by])
    top = top.assign(
        found=[f"{line.gain:+.1f} ({line.share:g}, {line.alpha:g})" for line in top.itertuples()]
    )
    return top.pivot(index=["tower", *by], columns="backbone", values="found").reset_index()


def markdown(table: pd.DataFrame) -> str:
    rows = [list(table.columns), ["---"] * len(table.columns), *table.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(store: str) -> None:
    prepare_prefect()
    for name, sweeps in STUDIES.items():
        table = pd.concat([swept(store, settings) for settings in sweeps], ignore_index=True)
        print(f"\n## {name}\n")
        if name == "factors":
            table["random"] = table["control"].notna()
            means = table.groupby(["tower", "backbone", "alpha", "random"], as_index=False)
            print(markdown(means[["gain", "loss", "GS"]].mean().round(1)))
        else:
            print(markdown(best(table, ["blocks" if name == "blocks" else "score"])))
        sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(str(Path(sys.argv[1])))
    else:
        with TemporaryDirectory() as folder:
            main(folder)
