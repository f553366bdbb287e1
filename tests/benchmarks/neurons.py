"""How `neurons` works best on the demo zoo: `python -m tests.benchmarks.neurons STORE`.

Scores, shares, factors and blocks are compared on the validation pairs, each tower alone, so that
what is recommended is chosen without the test pairs. Prints the tables of docs/neurons.md and draws
the factors into `neurons-factors.html`; `--study blocks` and the like make one of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from pydantic import TypeAdapter

from flows.cli.options import prepare_prefect
from flows.report.plots import COLORS, styled
from flows.sweep.flow import sweep
from flows.sweep.page import SAFE, summary
from uwm.config import AuditConfig, NodeScoreKind, SweepSettings
from uwm.families import TOWERS

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
    "scores": [{**GRID, "score": list(get_args(NodeScoreKind)), "scope": ["block"]}],
    "scopes": [{**GRID, "score": ["ratio", "standardized"], "scope": ["tower"]}],
    "blocks": [{**GRID, "blocks": {tower: ["early", "late"] for tower in TOWERS}}],
    "factors": [{"share": [0.06], "alpha": [0, -0.5, -1, -1.5, -2, -2.5, -3], "controls": 2}],
}
RECALL = ["T>V R@1", "V>T R@1"]


def swept(store: str, settings: dict[str, Any], folder: Path) -> pd.DataFrame:
    """A row per edit of one tower, with `loss` of recall and `gain` in safety."""
    found: list[pd.DataFrame] = []
    for tower in TOWERS:
        roles = {name: [["fc2"]] if name == tower else [] for name in TOWERS}
        wanted: SweepSettings = TypeAdapter(SweepSettings).validate_python(
            {"kind": "neurons", "roles": roles, **settings}
        )
        results = sweep(AuditConfig.model_validate(AUDIT), wanted, store, str(folder / tower))
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


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the random edits of a point, the point itself, and the original as alpha 1."""
    table = table.assign(random=table["control"].notna())
    by = ["tower", "backbone", "alpha", "random"]
    means = table.groupby(by, as_index=False)[["gain", "loss"]].mean()
    original = means.drop_duplicates(["tower", "backbone", "random"])
    return pd.concat([means, original.assign(alpha=1.0, gain=0.0, loss=0.0)])


def factor_plot(table: pd.DataFrame) -> go.Figure:
    """Gain in safety and loss of recall over alpha, a column per tower; random edits dotted."""
    rows = {"gain": "gain in safety, points", "loss": "loss of recall@1, points"}
    figure = make_subplots(
        *(len(rows), len(TOWERS)),
        subplot_titles=[f"{tower} tower" for tower in TOWERS],
        shared_xaxes=True,
        shared_yaxes=True,
        vertical_spacing=0.06,
    )
    order = list(dict.fromkeys(table["backbone"]))
    for (tower, backbone, random), part in table.groupby(["tower", "backbone", "random"]):
        part = part.sort_values("alpha")
        for row, name in enumerate(rows, 1):
            figure.add_scatter(
                row=row,
                col=TOWERS.index(tower) + 1,
                x=part["alpha"],
                y=part[name],
                mode="lines" if random else "lines+markers",
                line={
                    "color": COLORS[order.index(backbone)],
                    "dash": "dot" if random else "solid",
                },
                name=f"{backbone}, random" if random else backbone,
                legendgroup=f"{backbone} {random}",
                showlegend=row == 1 and tower == TOWERS[0],
            )
    for row, name in enumerate(rows.values(), 1):
        figure.update_yaxes(title_text=name, row=row, col=1)
    figure.update_xaxes(title_text="alpha", row=len(rows))
    return styled(figure, height=620)


def main(store: str, studies: list[str], out: Path) -> None:
    prepare_prefect()
    for name in studies:
        parts = [
            swept(store, settings, out / f"{name}-{number}")
            for number, settings in enumerate(STUDIES[name])
        ]
        table = pd.concat(parts, ignore_index=True)
        print(f"\n## {name}\n")
        if name == "factors":
            found = factors(table)
            print(markdown(found.round(1)))
            factor_plot(found).write_html(out / "neurons-factors.html")
        else:
            print(markdown(best(table, ["blocks" if name == "blocks" else "score"])), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", help="a folder of artifacts, kept")
    parser.add_argument("--study", choices=STUDIES, action="append")
    parser.add_argument("--out", type=Path, default=Path("neurons"))
    given = parser.parse_args()
    main(given.store, given.study or list(STUDIES), given.out)
