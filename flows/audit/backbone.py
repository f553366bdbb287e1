"""One backbone's audit: capture once, repair in several ways, measure each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import pandas as pd
from prefect import State, flow
from prefect.context import FlowRunContext
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.audit.bases import Weights, begin_trainings, checkpoints, trained
from flows.audit.described import described
from flows.audit.edits import controls, rescored, settle
from flows.audit.measuring import Repair, measure
from flows.audit.texts import short_texts, unread_texts
from flows.results.table import seeded
from flows.sections.registry import sections
from flows.sections.section import RepairedBackbone
from flows.stages.inputs import Inputs
from flows.stages.runners import THREADS
from flows.stages.stages import Stages
from storage.formats.backbone_results import (
    BackboneResults,
    BackboneResultsSpec,
    write_backbone_results,
)
from storage.store.code import code_digest
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.datasets import DataConfig
from tasks.embeddings import read_results
from tasks.evaluate import KnowledgeSpec, SafetySpec
from uwm.backbones.load import load
from uwm.config import (
    AuditConfig,
    BackboneConfig,
)


@dataclass(frozen=True)
class Work:
    """What a backbone's stages make: each repair's evaluations, the parts of each further table
    with their methods, and as in `BackboneResults`."""

    measured: list[tuple[Repair, list[SafetySpec | KnowledgeSpec]]]
    choices: dict[str, pd.DataFrame]
    excluded: dict[str, int]
    left_out: dict[str, dict[str, int]]
    unread: list[str]
    tables: dict[str, list[tuple[str, Spec]]]


@flow(
    name="audit-backbone",
    flow_run_name="audit · {backbone.name}",
    task_runner=ThreadPoolTaskRunner(max_workers=THREADS),  # type: ignore[arg-type]
    persist_result=False,
)
def audit_backbone(config: AuditConfig, backbone: BackboneConfig, store: str) -> State[None]:
    """Capture, score, edit and measure one backbone as `config` says.

    Returns:
        A state whose message is KIND/DIGEST of the artifact with the results: other processes see
        no more of a run than its state. See `storage.formats.backbone_results`.
    """
    loaded = load(backbone, config.device, config.precision)
    stages = Stages(
        *(Store(store), loaded, backbone.name, config.batch_size, config.seed),
        spread=spread(),
        tagged=config.tag_tasks,
    )
    work = lay_out(stages, config)
    stages.wait()
    spec = results_spec(backbone.name, stages, work)
    results = partial(backbone_results, backbone.name, stages, work)
    stages.store.make(spec, lambda folder: write_backbone_results(folder, results()))
    return Completed(message=str(spec))


def results_spec(name: str, stages: Stages, work: Work) -> BackboneResultsSpec:
    """The artifact with what a backbone's audit found."""
    return BackboneResultsSpec(
        code=code_digest(__name__, "flows.audit.bases"),
        backbone=name,
        methods=tuple(
            (repair.method, repair.control_of, repair.seed) for repair, _ in work.measured
        ),
        used=tuple(map(str, stages.used)),
        tables=tuple(
            (table, method, str(spec))
            for table, parts in work.tables.items()
            for method, spec in parts
        ),
    )


def backbone_results(name: str, stages: Stages, work: Work) -> BackboneResults:
    """What the finished stages of `work` found."""
    frames = [
        read_results(stages.store, specs).assign(
            method=repair.method, control_of=repair.control_of, seed=repair.seed
        )
        for repair, specs in work.measured
    ]
    return BackboneResults(
        rows=pd.concat(frames, ignore_index=True).assign(backbone=name),
        evaluations={
            repair.method: tuple(map(str, specs))
            for repair, specs in work.measured
            if repair.control_of is None
        },
        settings=[described(stages.store, repair) for repair, _ in work.measured],
        choices=work.choices,
        used=tuple(map(str, stages.used)),
        excluded=work.excluded,
        left_out=work.left_out,
        unread=tuple(work.unread),
        tables={
            table: pd.concat(
                [
                    read_results(stages.store, [spec]).assign(method=method)
                    for method, spec in parts
                ],
                ignore_index=True,
            ).assign(backbone=name)
            for table, parts in work.tables.items()
        },
    )


def spread() -> bool:
    """Whether the stages of this flow run go to other processes."""
    context = FlowRunContext.get()
    return context is not None and not isinstance(context.task_runner, ThreadPoolTaskRunner)


def lay_out(stages: Stages, config: AuditConfig) -> Work:
    """Submit every stage of one backbone's audit; what is awaited on the way is a choice or a
    training only."""
    others = checkpoints(stages, config)
    inputs = read_inputs(stages, _data(config))
    excluded = short_texts(stages, config, inputs["calibration"])
    named = _named(config)
    left_out, unread = unread_texts(
        *(stages, config.seed, {name: data for name, (_, data) in named.items()}),
        {name: inputs[key] for name, (key, _) in named.items()},
    )

    calibration = inputs["calibration"]
    begun = begin_trainings(stages, config, {"image": calibration.image, "text": calibration.text})
    measured: list[tuple[Repair, list[SafetySpec | KnowledgeSpec]]] = []
    choices: dict[str, pd.DataFrame] = {}
    for weights in chain([Weights(stages)], others, trained(stages, config, begun, inputs)):
        repairs, grids = _repairs(weights, config, inputs)
        if weights.name is not None and weights.choice is not None:
            choices[weights.name] = weights.choice
        choices |= grids
        measured += [(repair, measure(stages, config, repair, inputs)) for repair in repairs]
    measured.sort(key=lambda found: found[0].place(config))
    settled = {repair.method: repair.edits for repair, _ in measured}
    repaired = RepairedBackbone(
        stages, config, settled, partial(rescored, stages, config, calibration), inputs
    )
    tables = {
        section.key: parts for section in sections(config) if (parts := section.submit(repaired))
    }
    return Work(measured, choices, excluded, left_out, unread, tables)


def _repairs(
    weights: Weights, config: AuditConfig, inputs: dict[str, Inputs]
) -> tuple[list[Repair], dict[str, pd.DataFrame]]:
    """The weights themselves, what is edited on them, and the controls; tables of choices."""
    repairs = [Repair(weights.name or "original", (None, None), weights)]
    choices: dict[str, pd.DataFrame] = {}
    for method in config.edit_methods:
        if method.base != weights.name:
            continue
        edits, table = settle(weights.stages, config, method, inputs)
        if table is not None:
            choices[method.name] = table
        repairs.append(Repair(method.name, edits, weights))
    if weights.name is None:
        repairs += [
            Repair(method.name, (None, None), weights, rewriting=method.rewriting)
            for method in config.methods
            if method.rewriting
        ]
    settled = {repair.method: repair.edits for repair in repairs}
    methods = {method.name: method for method in config.edit_methods}
    for control in config.controls:
        if control.of in settled:
            draws, method = control.draws, methods[control.of]
            at = weights.stages, config, method, settled[control.of]
            repairs += [
                Repair(seeded(control.name, draw.seed), edits, weights, control.of, draw.seed)
                for draw, edits in zip(
                    draws, controls(*at, draws, inputs["calibration"]), strict=False
                )
            ]
    return repairs, choices


def read_inputs(stages: Stages, sets: Mapping[str, DataConfig]) -> dict[str, Inputs]:
    """Ingest data sets, and have their pictures decoded and their texts tokenized."""
    datasets = stages.datasets(list(sets.values()))
    found = zip(
        sets,
        datasets,
        stages.pixels(datasets),
        stages.tokens(datasets),
        strict=True,
    )
    return {name: Inputs(dataset, pixels, tokens) for name, dataset, pixels, tokens in found}


def _data(config: AuditConfig) -> dict[str, DataConfig]:
    """Every data set that the audit reads, by its part in it."""
    named: dict[str, DataConfig] = {"calibration": config.calibration}
    if any(method.chooses for method in config.methods) and config.validation:
        named["validation"] = config.validation
    named |= {f"benchmark {data.name}": data for data in config.benchmarks}
    return named | {f"zero-shot {data.name}": data for data in config.zeroshot_sets}


def _named(config: AuditConfig) -> dict[str, tuple[str, DataConfig]]:
    """What `_data` gives, by the name that results give a set: its part in the audit, and itself.

    A calibration set may be called as a benchmark is.
    """
    return {
        f"{part} {data.name}" if part in ("calibration", "validation") else data.name: (part, data)
        for part, data in _data(config).items()
    }
