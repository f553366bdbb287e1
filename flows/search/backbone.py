"""One backbone's search: points tried on validation data, and those chosen measured on the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prefect import flow, get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner

from flows.audit.backbone import (
    backbone_results,
    lay_out,
    read_inputs,
)
from flows.audit.edits import tower_scores
from flows.audit.texts import short_texts, unread_texts
from flows.search.claims import Claim, claims
from flows.search.first import DEFAULT, PROPOSED, UNIFORM, default_method, first_points
from flows.search.stages import SearchStages, Validation
from flows.stages.inputs import Inputs, Towers
from flows.stages.runners import THREADS
from flows.stages.stages import Stages
from storage.formats.backbone_results import BackboneResults
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.datasets import DataConfig
from tasks.edit import LayerwiseEditSpec
from tasks.metrics import metric_plugins
from tasks.search import ProposalsSpec, TrialsSpec, read_trials
from uwm.backbones.load import load
from uwm.config import (
    AuditConfig,
    BackboneConfig,
    Layerwise,
    RandomControl,
    SearchSettings,
)
from uwm.config.reserved import SEARCHED
from uwm.families import Tower
from uwm.search.pareto import Measured, front, measured, pick_keeping, pick_safer, spread
from uwm.search.proposals import optuna_version
from uwm.search.space import Point


@dataclass(frozen=True)
class Trial:
    """A point as it was measured on the validation data.

    Attributes:
        origin: one of `flows.search.first`, a method with its name.
        metrics: in percent.
    """

    generation: int
    origin: str
    point: Point
    metrics: dict[str, float]
    value: Measured


@dataclass(frozen=True)
class Chosen:
    """A point to be measured on the test data.

    Attributes:
        trial: its number.
        method: the point as a method of an audit.
    """

    trial: int
    method: Layerwise


@dataclass(frozen=True)
class Searched:
    """What a backbone's search found.

    Attributes:
        front: numbers of the trials that no other one beats.
        chosen: the picks and a few points of the front, by name.
        picks: per rule the name of its point, None where there is none.
        results: of the test data.
        claims: what these say of each pick.
        used: KIND/DIGEST of every artifact that the results stand on; what was made for single
            points on the way is not among them.
    """

    trials: list[Trial]
    front: list[int]
    chosen: list[Chosen]
    picks: dict[str, str | None]
    results: BackboneResults
    claims: list[Claim]
    used: tuple[str, ...]

    @property
    def default(self) -> Trial:
        """The paper's settings."""
        return next(trial for trial in self.trials if trial.origin == DEFAULT)


@flow(
    name="search-backbone",
    flow_run_name="search · {backbone.name}",
    task_runner=ThreadPoolTaskRunner(max_workers=THREADS),  # type: ignore[arg-type]
    persist_result=False,
)
def search_backbone(
    config: AuditConfig, search: SearchSettings, backbone: BackboneConfig, store: str
) -> Searched:
    """Search as `search` says, then measure what was chosen as `config` says."""
    loaded = load(backbone, config.device, config.precision)
    at = Store(store), loaded, backbone.name, config.batch_size, config.seed
    trials, made = _explore(SearchStages(*at, tagged=config.tag_tasks), config, search)
    values = [trial.value for trial in trials]
    names = _choose(trials, search)
    chosen = [
        Chosen(number, point.model_copy(update={"name": name}))
        for name, number in names.items()
        if (point := trials[number].point) is not None
    ]
    final = with_points(config, chosen, search.control_seeds)
    stages = Stages(*at, tagged=config.tag_tasks)
    work = lay_out(stages, final)
    stages.wait()
    results = backbone_results(backbone.name, stages, work)
    rules = {"safer": _safer(values), f"keeps {100 * search.keep:g} %": _keeping(values, search)}
    by_trial = {number: name for name, number in reversed(names.items())}
    picks = {rule: None if number is None else by_trial[number] for rule, number in rules.items()}
    return Searched(
        trials=trials,
        front=front(values),
        chosen=chosen,
        picks=picks,
        results=results,
        claims=claims(stages.store, config, results, picks, default_method(config).name),
        used=(*map(str, made), *results.used),
    )


def with_points(config: AuditConfig, chosen: Sequence[Chosen], seeds: int) -> AuditConfig:
    """The audit of the paper's default, the editing methods of `config`, chosen points and their
    random controls."""
    points = [item.method for item in chosen]
    controls = [RandomControl(kind="random", of=point.name, seeds=seeds) for point in points]
    default = default_method(config)
    measured = [*config.weight_methods, *config.edit_methods]
    others = [method for method in config.methods if method in measured and method != default]
    return config.altered(methods=(default, *others, *points, *controls))


def lay_out_known(stages: Stages, config: AuditConfig, search: SearchSettings) -> None:
    """Submit what a search computes whatever it tries: its inputs, the captures, and the audit's
    own methods on the test data."""
    read_inputs(stages, _sets(config, search))
    lay_out(stages, with_points(config, [], seeds=search.control_seeds))


def _explore(
    stages: SearchStages, config: AuditConfig, search: SearchSettings
) -> tuple[list[Trial], list[Spec]]:
    """Every trial in order, and the artifacts that tell them."""
    calibration, validation, inputs = _inputs(stages, config, search)
    short_texts(stages, config, calibration)
    sets = _sets(config, search)
    _, unread = unread_texts(stages, config.seed, {"validation": sets["validation"]}, inputs)
    for said in unread:
        get_run_logger().warning("%s", said)
    space = stages.space(search)
    seed = config.seed if search.seed is None else search.seed
    knowledge = [metric.rule_name for metric in config.measured.goals("knowledge")]
    given = first_points(stages, config, inputs)
    for drawn in space.uniform(search.warmup, seed):
        given.setdefault(drawn.model_dump_json(), (UNIFORM, drawn))
    origins = [origin for origin, _ in given.values()]
    trials: list[Trial] = []
    done: list[tuple[ProposalsSpec, TrialsSpec]] = []
    while len(trials) < search.budget:
        proposals = ProposalsSpec(
            given=() if done else tuple(point for _, point in given.values()),
            space=space,
            optuna=optuna_version(),
            earlier=tuple(done),
            safety=tuple(search.safety),
            knowledge=tuple(knowledge),
            floor=search.floor,
            count=search.generation,
            seed=seed,
        )
        points = stages.points(proposals)[: search.budget - len(trials)]
        if not points:  # the space holds no more
            break
        edits = _edits(stages, config, points, calibration)
        measured_by = stages.trials(edits, validation, len(done))
        rows = read_trials(stages.store, measured_by).to_dict(orient="records")
        for position, (point, row) in enumerate(zip(points, rows, strict=True)):
            metrics = {str(name): float(value) for name, value in row.items()}
            origin = PROPOSED if done else origins[position]
            value = measured(metrics, search.safety, knowledge)
            trials.append(Trial(len(done), origin, point, metrics, value))
        done.append((proposals, measured_by))
    return trials, [spec for both in done for spec in both]


def _inputs(
    stages: SearchStages, config: AuditConfig, search: SearchSettings
) -> tuple[Inputs, Validation, dict[str, Inputs]]:
    inputs = read_inputs(stages, _sets(config, search))
    others = [inputs[f"zero-shot {data.name}"] for data in search.zeroshot]
    validation = Validation(
        inputs["validation"],
        [(data.dataset, data) for data in others],
        metric_plugins(config.metrics),
    )
    return inputs["calibration"], validation, inputs


def _sets(config: AuditConfig, search: SearchSettings) -> dict[str, DataConfig]:
    """The data that a search looks at."""
    if config.validation is None:  # `uwm.config.AuditConfig` has seen to it
        raise ValueError("a search needs validation pairs")
    sets: dict[str, DataConfig] = {
        "calibration": config.calibration,
        "validation": config.validation,
    }
    return sets | {f"zero-shot {data.name}": data for data in search.zeroshot}


def _edits(
    stages: SearchStages, config: AuditConfig, points: Sequence[Point], calibration: Inputs
) -> list[Towers]:
    """Each point's edits, which are not made yet, by scores that are."""

    def edit(point: Point, tower: Tower) -> LayerwiseEditSpec | None:
        if point is None or not (layers := point.layers(tower)):
            return None
        found = tower_scores(stages, config, point, tower, calibration)
        return LayerwiseEditSpec(scores=found, rule=point.rule, layers=layers)

    return [(edit(point, "image"), edit(point, "text")) for point in points]


def _choose(trials: Sequence[Trial], search: SearchSettings) -> dict[str, int]:
    """The trials to measure on the test data by the names that they get there, each once."""
    values = [trial.value for trial in trials]
    named = {"safer": _safer(values), f"keeps {100 * search.keep:g}": _keeping(values, search)}
    found: dict[str, int] = {}
    for name, number in named.items():
        if number is not None and number not in found.values():
            found[SEARCHED + name] = number
    others = [
        number
        for number in spread(values, 0, search.floor, search.points)
        if number not in found.values()
    ]
    return found | {f"{SEARCHED}front {order}": number for order, number in enumerate(others, 1)}


def _safer(values: Sequence[Measured]) -> int | None:
    """The original is the first trial, the paper's default the second."""
    return pick_safer(values, original=0, default=1)


def _keeping(values: Sequence[Measured], search: SearchSettings) -> int | None:
    return pick_keeping(values, original=0, share=search.keep)
