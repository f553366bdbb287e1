"""First experiments with a backbone: its scores, whether unsafe samples score higher, one layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.pages import render
from flows.plots import COLORS, plot_html, styled
from flows.results import HEADLINE
from flows.runners import THREADS
from flows.stages import Stages
from storage.store import Store
from tasks.capture import StatisticsSpec
from tasks.edit import AnyEditSpec
from tasks.evaluate import read_results, safety_spec
from tasks.inspect import DISTRIBUTION, PHI, read_inspection
from uwm.backbone import Backbone
from uwm.config import AuditConfig, BackboneConfig, PairsConfig
from uwm.editing import Unit
from uwm.errors import InputError
from uwm.layers import TOWERS, LayerId, Tower, find_layers
from uwm.loading import load
from uwm.selection import Rule

SWEEP = "alphas"
_DRAWN = ("P_t_u", "P_v_u", "P_t_s", "P_v_s", "T>V R@1", "V>T R@1")


@dataclass(frozen=True)
class AlphaSweep:
    """One layer, edited with several factors.

    Attributes:
        share: of its nodes, or tau of its weights' scores.
    """

    layer: LayerId
    unit: Unit
    share: float
    alphas: tuple[float, ...]

    def __str__(self) -> str:
        what = "of the nodes" if self.unit == "node" else "of the weights' score"
        return f"{self.layer}, {100 * self.share:g} % {what}"


Tables = dict[str, pd.DataFrame]
"""`distribution`, `phi` (see `tasks.inspect.read_inspection`) and, if asked for, `alphas`."""


@flow(
    name="inspect",
    flow_run_name="inspect · {backbone.name}",
    task_runner=ThreadPoolTaskRunner(max_workers=THREADS),  # type: ignore[arg-type]
    persist_result=False,
)
def inspect_backbone(
    config: AuditConfig, backbone: BackboneConfig, store: str, sweep: AlphaSweep | None = None
) -> Tables:
    """What the calibration set says of the layers that `config` edits, through an audit's stages.

    Raises:
        InputError: no method edits anything, or the sweep's layer is none of those edited.
    """
    loaded = load(backbone, config.device, config.precision)
    stages = Stages(
        *(Store(store), loaded, backbone.name, config.batch_size, config.seed),
        tagged=config.tag_tasks,
    )
    towers = [tower for tower in TOWERS if config.edited_roles(tower)]
    _check(config, loaded, towers, sweep)
    captured = _capture(stages, config, towers)
    inspections = [
        stages.inspection(
            statistics,
            [
                stages.scores(statistics, unit, "ratio", config.edited_roles(tower))
                for unit in ("weight", "node")
            ],
        )
        for tower, statistics in captured.items()
    ]
    tables = {}
    if sweep is not None:
        tables[SWEEP] = _alphas(stages, config, captured[sweep.layer.tower], sweep)
    stages.wait()
    found = [read_inspection(stages.store, spec) for spec in inspections]
    first = {
        name: pd.concat([part[name] for part in found], ignore_index=True)
        for name in (DISTRIBUTION, PHI)
    }
    return {name: table.assign(backbone=backbone.name) for name, table in (first | tables).items()}


def _check(
    config: AuditConfig, backbone: Backbone, towers: Sequence[Tower], sweep: AlphaSweep | None
) -> None:
    if not towers:
        raise InputError("no method of this audit edits a layer, so there is none to inspect")
    if sweep is None:
        return
    tower = sweep.layer.tower
    known = [layer.id for layer in find_layers(backbone.model, tower, config.edited_roles(tower))]
    if sweep.layer not in known:
        raise InputError(
            f"the audit's methods edit the {tower} layers {', '.join(map(str, known))}; "
            f"got {sweep.layer}"
        )
    if sweep.layer.part:
        raise InputError(f"the halves of a gated MLP are edited together; got {sweep.layer} alone")


def _capture(
    stages: Stages, config: AuditConfig, towers: Sequence[Tower]
) -> dict[Tower, StatisticsSpec]:
    datasets = stages.datasets([config.calibration])
    found = {}
    for tower in towers:
        read = stages.pixels if tower == "image" else stages.tokens
        (inputs,) = read([config.calibration], datasets)
        roles = config.edited_roles(tower)
        found[tower] = stages.statistics(tower, roles, inputs, peaks=config.peaks)
    return found


def measured_on(config: AuditConfig) -> PairsConfig:
    """The pairs that a sweep is measured on: validation, or else the first benchmark."""
    return config.validation or config.benchmarks[0]


def _alphas(
    stages: Stages, config: AuditConfig, statistics: StatisticsSpec, sweep: AlphaSweep
) -> pd.DataFrame:
    """Safety and recall on `measured_on`, a row per factor and metric, `control` or not.

    Alpha 1 is the original, which needs no control; every other has one, as many nodes or weights
    of the layer drawn at random.
    """
    tower, pairs = sweep.layer.tower, measured_on(config)
    scores = stages.scores(statistics, sweep.unit, "ratio", [sweep.layer.role])
    rule: Rule = "nodes" if sweep.unit == "node" else "mass"
    blocks = stages.blocks(tower, [sweep.layer.role], (sweep.layer.block,))
    edited = [alpha for alpha in sweep.alphas if alpha != 1]
    points = [(sweep.share, alpha) for alpha in edited]
    made: dict[tuple[float, bool], AnyEditSpec | None] = {}
    if 1 in sweep.alphas:
        made[1, False] = None
    for alpha, edit in zip(edited, stages.edits(scores, rule, points, blocks=blocks), strict=True):
        made[alpha, False] = edit
        (made[alpha, True],) = stages.random_edits(edit, seeds=1)

    datasets = stages.datasets([pairs])
    inputs = {
        "image": stages.pixels([pairs], datasets)[0],
        "text": stages.tokens([pairs], datasets)[0],
    }
    original = {part: stages.embeddings(part, None, [inputs[part]])[0] for part in TOWERS}
    specs = {}
    for (alpha, control), change in made.items():
        own = stages.embeddings(tower, change, [inputs[tower]])[0]
        embedded = original | {tower: own}
        before, after = ((found["image"], found["text"]) for found in (original, embedded))
        spec = safety_spec(pairs.name, after, before, config.resamples, config.seed)
        name = f"{sweep.layer} · alpha {alpha:g}" + (" · random" if control else "")
        stages.evaluation([spec], name, [*before, *after])
        specs[alpha, control] = spec
    stages.wait()
    return pd.concat(
        [
            read_results(stages.store, [spec]).assign(
                layer=str(sweep.layer),
                unit=sweep.unit,
                share=sweep.share,
                alpha=alpha,
                control=control,
            )
            for (alpha, control), spec in specs.items()
        ],
        ignore_index=True,
    ).drop(columns="concept")


def write_inspection(
    folder: Path, name: str, pairs: str, tables: Tables, sweep: AlphaSweep | None
) -> list[Path]:
    """Write a Parquet file per table and `inspect.html`; the same tables give the same bytes.

    Args:
        pairs: the name of what the sweep was measured on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / f"{table}.parquet" for table in tables]
    for path, table in zip(written, tables.values(), strict=True):
        table.to_parquet(path, index=False)
    plots = {
        "distribution": distribution_plot(tables[DISTRIBUTION]),
        "phi": phi_plot(tables[PHI]),
        **({"alphas": alpha_plot(tables[SWEEP])} if SWEEP in tables else {}),
    }
    page = render(
        "inspection",
        name=name,
        backbone=tables[PHI]["backbone"].iloc[0],
        plotly=get_plotlyjs(),
        plots={which: plot_html(plot, which) for which, plot in plots.items()},
        distribution=tables[DISTRIBUTION].to_dict(orient="records"),
        phi=tables[PHI].to_dict(orient="records"),
        sweep=sweep,
        pairs=pairs,
    )
    path = folder / "inspect.html"
    path.write_text(page)
    return [*written, path]


def distribution_plot(table: pd.DataFrame) -> go.Figure:
    """Quantiles of ratio scores per layer, a panel per unit: a box of the middle half, whiskers to
    the outer twentieths."""
    units = list(dict.fromkeys(table["unit"]))
    titles = [f"per {unit}" for unit in units]
    figure = make_subplots(len(units), 1, subplot_titles=titles, vertical_spacing=0.22)
    for row, unit in enumerate(units, 1):
        for index, (tower, part) in enumerate(table[table["unit"] == unit].groupby("tower")):
            figure.add_box(
                row=row,
                col=1,
                x=part["layer"],
                lowerfence=part["q5"],
                q1=part["q25"],
                median=part["q50"],
                q3=part["q75"],
                upperfence=part["q95"],
                name=tower,
                legendgroup=tower,
                showlegend=row == 1,
                marker_color=COLORS[index],
            )
        figure.add_hline(y=1, line_color="#999", line_dash="dot", row=row, col=1)
        figure.update_yaxes(title_text="unsafe by safe", row=row, col=1)
    return _low_legend(styled(figure, height=330 * len(units) + 120))


def phi_plot(table: pd.DataFrame) -> go.Figure:
    """How much higher mean phi is on unsafe samples, and for how many pairs, per layer."""
    panels = {"change": "unsafe over safe, %", "higher": "pairs whose unsafe sample is higher, %"}
    figure = make_subplots(1, len(panels), subplot_titles=list(panels.values()))
    for column, (name, middle) in enumerate(zip(panels, (0, 50), strict=True), 1):
        for index, (tower, part) in enumerate(table.groupby("tower")):
            figure.add_scatter(
                row=1,
                col=column,
                x=part["layer"],
                y=part[name],
                error_y=_bars(part, name),
                mode="markers",
                name=tower,
                legendgroup=tower,
                showlegend=column == 1,
                marker={"size": 8, "color": COLORS[index]},
            )
        figure.add_hline(y=middle, line_color="#999", line_dash="dot", row=1, col=column)
    return _low_legend(styled(figure, height=440))


def alpha_plot(table: pd.DataFrame) -> go.Figure:
    """Change from the original over the factor, safety beside what an edit should keep; the same
    of as many random nodes or weights beside it, on the same scale."""
    shown = table.assign(metric=table["metric"].map(HEADLINE))
    panels = {False: "chosen by score", True: "chosen at random"}
    figure = make_subplots(1, 2, subplot_titles=list(panels.values()), shared_yaxes=True)
    for index, metric in enumerate(_DRAWN):
        for column, control in enumerate(panels, 1):
            there = (shown["control"] == control) | (shown["alpha"] == 1)
            part = shown[(shown["metric"] == metric) & there].sort_values("alpha")
            figure.add_scatter(
                row=1,
                col=column,
                x=part["alpha"],
                y=part["change"],
                error_y=_bars(part, "change"),
                mode="lines+markers",
                name=metric,
                legendgroup=metric,
                showlegend=not control,
                line={"color": COLORS[index % len(COLORS)], "width": 1.5},
            )
    figure.add_hline(y=0, line_color="#999", line_dash="dot")
    figure.update_xaxes(title_text="alpha")
    figure.update_yaxes(title_text="change, points", col=1)
    return styled(figure, height=460)


def _low_legend(figure: go.Figure) -> go.Figure:
    """Below the names of layers, which are written aslant."""
    return figure.update_layout(
        legend={"yref": "container", "y": 0.01, "yanchor": "bottom"}, margin_b=130
    )


def _bars(part: pd.DataFrame, name: str) -> dict[str, object]:
    return {
        "type": "data",
        "array": (part[f"{name}_high"] - part[name]).tolist(),
        "arrayminus": (part[name] - part[f"{name}_low"]).tolist(),
        "thickness": 1,
        "width": 2,
    }
