"""First experiments with a backbone: its scores, whether unsafe samples score higher, one layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.stages.runners import THREADS
from flows.stages.stages import Stages
from storage.store.store import Store
from tasks.artifacts import TowerEditSpec
from tasks.capture import StatisticsSpec
from tasks.embeddings import read_results
from tasks.evaluate import SafetySpec
from tasks.inspect import DISTRIBUTION, PHI, InspectionSpec, read_inspection
from tasks.metrics import metric_plugins
from uwm.backbones.backbone import Backbone
from uwm.backbones.load import load
from uwm.config import AuditConfig, BackboneConfig, PairsConfig
from uwm.config.methods.requests import Rule, Unit
from uwm.errors import InputError
from uwm.families import TOWERS, Tower
from uwm.layers import LayerId, find_layers

SWEEP = "alphas"


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


Factors = dict[tuple[float, bool], SafetySpec]
"""What a factor does, by the factor and whether it is of a random control."""
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
    check_inspected(config, loaded, sweep)
    inspections, factors = lay_out_inspection(stages, config, sweep)
    stages.wait()
    found = [read_inspection(stages.store, spec) for spec in inspections]
    tables = {
        name: pd.concat([part[name] for part in found], ignore_index=True)
        for name in (DISTRIBUTION, PHI)
    }
    tables = {name: table.assign(backbone=backbone.name) for name, table in tables.items()}
    if sweep is not None:
        tables[SWEEP] = _alphas(stages.store, sweep, factors).assign(backbone=backbone.name)
    return tables


def lay_out_inspection(
    stages: Stages, config: AuditConfig, sweep: AlphaSweep | None
) -> tuple[list[InspectionSpec], Factors]:
    """Submit every stage of an inspection: of the scores per tower, and of the sweep's factors."""
    captured = _capture(stages, config)
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
    if sweep is None:
        return inspections, {}
    return inspections, _factors(stages, config, captured[sweep.layer.tower], sweep)


def check_inspected(config: AuditConfig, backbone: Backbone, sweep: AlphaSweep | None) -> None:
    """Raise InputError where no method edits anything, or not the layer that is swept."""
    if not _towers(config):
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


def _towers(config: AuditConfig) -> list[Tower]:
    """Those that the audit's methods edit."""
    return [tower for tower in TOWERS if config.edited_roles(tower)]


def _capture(stages: Stages, config: AuditConfig) -> dict[Tower, list[StatisticsSpec]]:
    datasets = stages.datasets([config.calibration])
    found = {}
    for tower in _towers(config):
        read = stages.pixels if tower == "image" else stages.tokens
        (inputs,) = read(datasets)
        roles = config.edited_roles(tower)
        found[tower] = stages.statistics(tower, roles, inputs)
    return found


def measured_on(config: AuditConfig) -> PairsConfig:
    """The pairs that a sweep is measured on: validation, or else the first benchmark."""
    return config.validation or config.benchmarks[0]


def _factors(
    stages: Stages, config: AuditConfig, statistics: Sequence[StatisticsSpec], sweep: AlphaSweep
) -> Factors:
    """Submit what `_alphas` reads.

    Alpha 1 is the original, which needs no control; every other has one, as many nodes or weights
    of the layer drawn at random.
    """
    tower, pairs = sweep.layer.tower, measured_on(config)
    scores = stages.scores(statistics, sweep.unit, "ratio", [sweep.layer.role])
    rule: Rule = "nodes" if sweep.unit == "node" else "mass"
    blocks = stages.blocks(tower, [sweep.layer.role], (sweep.layer.block,))
    edited = [alpha for alpha in sweep.alphas if alpha != 1]
    points = [(sweep.share, alpha) for alpha in edited]
    made: dict[tuple[float, bool], TowerEditSpec | None] = {}
    if 1 in sweep.alphas:
        made[1, False] = None
    for alpha, edit in zip(edited, stages.edits(scores, rule, points, blocks=blocks), strict=True):
        made[alpha, False] = edit
        (made[alpha, True],) = stages.random_edits(edit, seeds=1)

    datasets = stages.datasets([pairs])
    inputs = {
        "image": stages.pixels(datasets)[0],
        "text": stages.tokens(datasets)[0],
    }
    original = {part: stages.embeddings(part, None, [inputs[part]])[0] for part in TOWERS}
    specs: Factors = {}
    for (alpha, control), change in made.items():
        own = stages.embeddings(tower, change, [inputs[tower]])[0]
        embedded = original | {tower: own}
        before, after = ((found["image"], found["text"]) for found in (original, embedded))
        spec = SafetySpec(
            dataset=pairs.name,
            pairs=datasets[0],
            edited=after,
            original=before,
            resamples=config.resamples,
            seed=config.seed,
            concepts=False,
            metrics=metric_plugins(config.metrics),
        )
        name = f"{sweep.layer} · alpha {alpha:g}" + (" · random" if control else "")
        stages.make([spec], name)
        specs[alpha, control] = spec
    return specs


def _alphas(store: Store, sweep: AlphaSweep, factors: Factors) -> pd.DataFrame:
    """Safety and recall on `measured_on`, a row per factor and metric, `control` or not."""
    return pd.concat(
        [
            read_results(store, [spec]).assign(
                layer=str(sweep.layer),
                unit=sweep.unit,
                share=sweep.share,
                alpha=alpha,
                control=control,
            )
            for (alpha, control), spec in factors.items()
        ],
        ignore_index=True,
    ).drop(columns="concept")
