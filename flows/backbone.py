"""One backbone's audit: capture once, repair in several ways, measure each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import pandas as pd
from prefect import State, flow, tags
from prefect.context import FlowRunContext
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.drift import DRIFT, lay_out_drift
from flows.held_out import HELD_OUT, lay_out_held_out
from flows.runners import THREADS
from flows.stages import DataConfig, Stages, identify
from storage.backbone_results import (
    BackboneResults,
    BackboneResultsSpec,
    write_backbone_results,
)
from storage.code import code_digest
from storage.edits import read_edit
from storage.scores import read_scores
from storage.sources import check_quarantine
from storage.store import Spec, Store
from tasks.datasets import DatasetSpec
from tasks.edit import AnyEditSpec, EditSpec
from tasks.embed import EmbeddingsSpec
from tasks.evaluate import KnowledgeSpec, SafetySpec, knowledge_spec, read_results, safety_spec
from tasks.inputs import PixelsSpec, TokensSpec
from uwm.config import AuditConfig, BackboneConfig, Neurons, Subset, Uwm
from uwm.layers import TOWERS, Tower
from uwm.loading import load

FEW_TOKENS = "fewer than two real tokens"

Towers = tuple[AnyEditSpec | None, AnyEditSpec | None]
"""An edit of the image tower and one of the text tower."""


@dataclass(frozen=True)
class Repair:
    """A method as it is measured: its edits, and for a control what it controls and its seed."""

    method: str
    edits: Towers
    control_of: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Work:
    """What a backbone's stages make: each repair's evaluations, the parts of each further table
    with their methods, and as in `BackboneResults`."""

    measured: list[tuple[Repair, list[SafetySpec | KnowledgeSpec]]]
    choices: dict[str, pd.DataFrame]
    excluded: dict[str, int]
    tables: dict[str, list[tuple[str, Spec]]]


@dataclass(frozen=True)
class Inputs:
    """What both towers read of one data set."""

    image: PixelsSpec
    text: TokensSpec


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
        no more of a run than its state. See `storage.backbone_results`.
    """
    loaded = load(backbone, config.device, config.precision)
    stages = Stages(
        Store(store), loaded, backbone.name, config.batch_size, config.seed, spread=_spread()
    )
    with tags(backbone.name):
        work = lay_out(stages, config)
        stages.wait()
    spec = results_spec(backbone.name, stages, work)
    results = partial(_results, backbone.name, stages, work)
    stages.store.make(spec, lambda folder: write_backbone_results(folder, results()))
    return Completed(message=str(spec))


def results_spec(name: str, stages: Stages, work: Work) -> BackboneResultsSpec:
    """The artifact with what a backbone's audit found."""
    return BackboneResultsSpec(
        code=code_digest(__name__, "storage.backbone_results"),
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


def _results(name: str, stages: Stages, work: Work) -> BackboneResults:
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
        settings=[_settings(stages.store, repair) for repair, _ in work.measured],
        choices=work.choices,
        used=tuple(map(str, stages.used)),
        excluded=work.excluded,
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


def _spread() -> bool:
    """Whether the stages of this flow run go to other processes."""
    context = FlowRunContext.get()
    return context is not None and not isinstance(context.task_runner, ThreadPoolTaskRunner)


def lay_out(stages: Stages, config: AuditConfig) -> Work:
    """Submit every stage of one backbone's audit; what is awaited on the way is a choice only."""
    sets = _data(config)
    datasets = stages.datasets(list(sets.values()))
    inputs = {
        name: Inputs(pixels, tokens)
        for name, pixels, tokens in zip(
            sets,
            stages.pixels(list(sets.values()), datasets),
            stages.tokens(list(sets.values()), datasets),
            strict=True,
        )
    }
    ingested = dict(zip(sets, datasets, strict=True))
    excluded = _short_texts(stages, config, inputs["calibration"])

    repairs = [Repair("original", (None, None))]
    choices: dict[str, pd.DataFrame] = {}
    for method in config.edit_methods:
        edits, table = _settle(stages, config, method, inputs)
        if table is not None:
            choices[method.name] = table
        repairs.append(Repair(method.name, edits))
    settled = {repair.method: repair.edits for repair in repairs}
    for control in config.controls:
        drawn = _controls(stages, settled[control.of], control.seeds)
        repairs += [
            Repair(f"{control.name} #{seed}", edits, control.of, seed)
            for seed, edits in enumerate(drawn)
        ]

    measured = [(repair, _measure(stages, config, repair, inputs, ingested)) for repair in repairs]
    calibration = ingested["calibration"]
    rescored = partial(_rescored, stages, config, inputs, calibration)
    tables: dict[str, list[tuple[str, Spec]]] = {
        HELD_OUT: lay_out_held_out(stages, config, settled, rescored, inputs, ingested),
        DRIFT: lay_out_drift(stages, config, settled, rescored, calibration),
    }
    tables = {table: parts for table, parts in tables.items() if parts}
    return Work(measured, choices, excluded, tables)


def _data(config: AuditConfig) -> dict[str, DataConfig]:
    """Every data set that the audit reads, by its part in it."""
    named: dict[str, DataConfig] = {"calibration": config.calibration}
    if any(method.chooses for method in config.edit_methods) and config.validation:
        named["validation"] = config.validation
    named |= {f"benchmark {data.name}": data for data in config.benchmarks}
    return named | {f"zero-shot {data.name}": data for data in config.zeroshot_sets}


def _short_texts(stages: Stages, config: AuditConfig, calibration: Inputs) -> dict[str, int]:
    """Calibration pairs that the text tower's scores leave out, which only its tokenizer can tell.

    Benchmarks keep such pairs: a single token has an embedding, and every backbone is measured on
    the same rows.

    Raises:
        SourceError: more of them than the calibration set's `max_quarantined`.
    """
    if not config.edited_roles("text"):
        return {}
    short = stages.short_texts(calibration.text)
    source, _ = identify(config.calibration, config.seed)
    found = pd.DataFrame({"id": source.rows["id"].iloc[short]}).assign(
        reason=FEW_TOKENS, detail="for this backbone's tokenizer"
    )
    check_quarantine(found, len(source.rows), config.calibration.max_quarantined)
    return {FEW_TOKENS: len(short)} if short else {}


def _settle(
    stages: Stages, config: AuditConfig, method: Uwm | Neurons, inputs: dict[str, Inputs]
) -> tuple[Towers, pd.DataFrame | None]:
    """A method's edits: its only point, or the one chosen on the validation pairs."""
    image, text = (_points(stages, config, method, tower, inputs) for tower in TOWERS)
    if not method.chooses:
        return (image[0], text[0]), None
    candidates = list(product([None, *image], [None, *text]))  # the original comes first
    data = inputs["validation"]
    # A tower that is not edited has the single candidate None.
    candidates = list(dict.fromkeys(candidates))
    images = {edit: stages.embeddings("image", edit, [data.image])[0] for edit, _ in candidates}
    texts = {edit: stages.embeddings("text", edit, [data.text])[0] for _, edit in candidates}
    embedded = [(images[image], texts[text]) for image, text in candidates]
    choice = stages.choice(embedded, config.choice.max_loss, method.name)
    table = stages.chosen(choice)
    for tower, position in (("image", 0), ("text", 1)):
        for column, name in (("share", "share"), ("alpha", "alpha")):
            table.insert(
                0,
                f"{tower}_{name}",
                [getattr(pair[position], column, float("nan")) for pair in candidates],
            )
    return candidates[int(table["chosen"].to_numpy().argmax())], table


def _points(
    stages: Stages,
    config: AuditConfig,
    method: Uwm | Neurons,
    tower: Tower,
    inputs: dict[str, Inputs],
    points: Sequence[tuple[float, float]] | None = None,
    part: tuple[DatasetSpec, Subset] | None = None,
) -> Sequence[EditSpec | None]:
    """A tower's edits, one per point of the method's grid; None where the tower is left alone.

    Args:
        points: other ones than the grid's.
        part: of the calibration set, to score with; all of it by default.
    """
    points = method.points(tower) if points is None else points
    if not points:
        return [None]
    roles, blocks = getattr(method.roles, tower), getattr(method.blocks, tower)
    edited = stages.blocks(tower, roles, blocks)
    reads = getattr(inputs["calibration"], tower)
    statistics = stages.statistics(tower, config.edited_roles(tower), reads, peaks=config.peaks)
    match method:
        case Uwm():
            prior = getattr(method.prior, tower)
            scores = stages.scores(
                statistics, "weight", method.score, roles, prior=prior, part=part
            )
            return stages.edits(scores, method.selection, points, blocks=edited)
        case Neurons():
            scores = stages.scores(statistics, "node", method.score, roles, part=part)
            return stages.edits(scores, "nodes", points, method.scope, edited)


def _rescored(
    stages: Stages,
    config: AuditConfig,
    inputs: dict[str, Inputs],
    calibration: DatasetSpec,
    method: Uwm | Neurons,
    edits: Towers,
    subset: Subset,
) -> Towers:
    """A method's edits at the same points, made from a part of the calibration set."""
    image, text = (
        _points(
            *(stages, config, method, tower, inputs),
            points=[(edit.share, edit.alpha)] if isinstance(edit, EditSpec) else [],
            part=(calibration, subset),
        )[0]
        for tower, edit in zip(TOWERS, edits, strict=True)
    )
    return image, text


def _controls(stages: Stages, edits: Towers, seeds: int) -> list[Towers]:
    """Random edits as large as `edits`, per seed; none where the method edits nothing."""
    drawn = [
        stages.random_edits(like, seeds) if isinstance(like, EditSpec) else [None] * seeds
        for like in edits
    ]
    return list(zip(*drawn, strict=True)) if any(edits) else []


def _measure(
    stages: Stages,
    config: AuditConfig,
    repair: Repair,
    inputs: dict[str, Inputs],
    ingested: dict[str, Any],
) -> list[SafetySpec | KnowledgeSpec]:
    """Embed the benchmarks with a repair's edits and evaluate it against the original.

    A control is measured on the first pair set and the zero-shot sets, where claims are made.
    """
    pairs = config.benchmarks if repair.control_of is None else config.benchmarks[:1]
    names = [f"benchmark {data.name}" for data in pairs]
    names += [f"zero-shot {data.name}" for data in config.zeroshot_sets]
    edited, original = (
        dict(zip(names, _embed(stages, edits, [inputs[name] for name in names]), strict=True))
        for edits in (repair.edits, (None, None))
    )
    draw = config.resamples, config.seed
    specs: list[SafetySpec | KnowledgeSpec] = [
        safety_spec(data.name, edited[key], original[key], *draw, pairs=ingested[key])
        for data in pairs
        for key in [f"benchmark {data.name}"]
    ]
    if config.zeroshot_sets:
        keys = {data.name: f"zero-shot {data.name}" for data in config.zeroshot_sets}
        specs.append(
            knowledge_spec(
                [(name, ingested[key]) for name, key in keys.items()],
                [edited[key] for key in keys.values()],
                [original[key] for key in keys.values()],
                *draw,
            )
        )
    needs = [spec for both in (edited, original) for pair in both.values() for spec in pair]
    stages.evaluation(specs, repair.method, needs)
    return specs


def _embed(
    stages: Stages, edits: Towers, inputs: Sequence[Inputs]
) -> list[tuple[EmbeddingsSpec, EmbeddingsSpec]]:
    image, text = edits
    return list(
        zip(
            stages.embeddings("image", image, [data.image for data in inputs]),
            stages.embeddings("text", text, [data.text for data in inputs]),
            strict=True,
        )
    )


def _settings(store: Store, repair: Repair) -> dict[str, Any]:
    """What a repair did to each tower, in numbers."""
    described: dict[str, Any] = {"method": repair.method}
    for tower, spec in zip(TOWERS, repair.edits, strict=True):
        if spec is None:
            described[tower] = None
            continue
        edit = read_edit(store.path(spec.kind, spec.digest))
        layers = list(edit.layers.values())
        described[tower] = {
            "edit": str(spec),
            "unit": layers[0].unit,
            "alpha": layers[0].alpha,
            "selected": sum(len(layer.indices) for layer in layers),
            "layers": [str(id) for id in edit.layers],
        }
        if isinstance(spec, EditSpec):
            _, attributes = read_scores(store.path("scores", spec.scores))
            described[tower] |= {"rule": spec.rule, "share": spec.share, **attributes}
    return described
