"""What an audit or a sweep would do: which artifacts are there, and what the others cost.

The audit's own code lays out its stages here too, on stages that only count. Data sets are read and
weights are digested, since these decide what is cached; no tower runs and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import pandas as pd
from rich.console import Console
from rich.table import Table

from flows.audit.backbone import lay_out, results_spec
from flows.stages.data import without_missing
from flows.stages.stages import Stages
from storage.formats.cut_texts import CutTexts
from storage.store.spec import Spec
from storage.store.store import Store
from tasks.choose import ChoiceSpec, read_choice
from tasks.cost import FREE, Cost
from tasks.stage import Stage
from tasks.tokens import TokensSpec
from tasks.tune import TunedSpec
from uwm.backbones.backbone import Backbone
from uwm.backbones.load import load
from uwm.backbones.locate import at_hand
from uwm.config import AuditConfig
from uwm.config.methods.requests import WeightsFrom
from uwm.errors import InputError
from uwm.families import TOWERS, Tower


@dataclass
class PlanRow:
    """One backbone's artifacts of one stage; an artifact counts where it is first needed.

    Attributes:
        cached, missing: how many artifacts are complete, and how many are not.
        samples: rows of the data behind what is missing, partitions counted apart.
        size: bytes to write; tables of results are not counted.
        passes: samples to run through each tower; one that runs back as well, for gradients,
            counts once and takes about three times as long.
    """

    backbone: str
    stage: str
    cached: int = 0
    missing: int = 0
    samples: int = 0
    size: int = 0
    passes: dict[Tower, int] = field(default_factory=lambda: dict.fromkeys(TOWERS, 0))


@dataclass
class Plan:
    """Rows in the order of work, and what cannot be known before it starts."""

    rows: list[PlanRow]
    unknown: list[str]

    @property
    def size(self) -> int:
        return sum(row.size for row in self.rows)

    @property
    def missing(self) -> int:
        return sum(row.missing for row in self.rows)

    def passes(self, tower: Tower) -> int:
        return sum(row.passes[tower] for row in self.rows)


class PlannedStages(Stages):
    """Stages that are counted instead of run.

    Args:
        seen: digests that are planned already, of this and earlier backbones.
    """

    def __init__(
        self, config: AuditConfig, store: Store, backbone: Backbone, name: str, seen: set[str]
    ) -> None:
        super().__init__(store, backbone, name, config.batch_size, config.seed)
        self._seen = seen
        self._passes = set[object]()
        self.rows: dict[str, PlanRow] = {}
        self.unknown: list[str] = []

    def short_texts(self, tokens: TokensSpec) -> list[int]:
        """None: the audit counts them once the texts are tokenized."""
        return []

    def cut_texts(self, tokens: TokensSpec) -> CutTexts:
        """None: as `short_texts`."""
        return CutTexts(texts=0, cut={}, context=0)

    def chosen(self, choice: ChoiceSpec) -> pd.DataFrame:
        """A choice that was made, or else the last candidate in its place."""
        if self.store.complete(choice):
            return read_choice(self.store, choice)
        self.unknown.append(
            f"{self.name}: which of {len(choice.candidates)} candidates is chosen on the "
            "validation pairs; the last stands for it"
        )
        table = pd.DataFrame(index=range(len(choice.candidates)))
        return table.assign(chosen=table.index == len(table) - 1)

    def on_trained(self, specs: Sequence[TunedSpec], label: str) -> Self:
        """On weights that are not trained yet the same artifacts are made, under other digests."""
        if all(self.store.complete(spec) for spec in specs):
            return super().on_trained(specs, label)
        return self._with(self._backbone.posing({spec.tower: spec.digest for spec in specs}), label)

    def wait(self) -> None:
        """Nothing runs."""

    def _run(self, stage: Stage, specs: Sequence[Spec], what: str) -> None:
        for spec in specs:
            self.count(stage.task.name, spec, lambda spec: stage.cost(spec, self._backbone))

    def count(
        self, stage: str, spec: Spec, cost_of: Callable[[Spec], Cost] = lambda _: FREE
    ) -> None:
        """An artifact that the audit makes unless it is there."""
        if spec.digest in self._seen:
            return
        self._seen.add(spec.digest)
        name = stage.replace("_", " ")
        row = self.rows.setdefault(name, PlanRow(self.name, name))
        if self.store.complete(spec):
            row.cached += 1
            return
        cost = cost_of(spec)
        row.missing += 1
        row.size += cost.measure()
        if cost.shared is not None and cost.shared in self._passes:
            return
        self._passes.add(cost.shared)
        row.samples += cost.samples
        if cost.tower is not None:
            row.passes[cost.tower] += cost.samples


def audited(stages: PlannedStages, config: AuditConfig) -> None:
    """Lay out one backbone's audit."""
    stages.count("results", results_spec(stages.name, stages, lay_out(stages, config)))


def make_plan(
    config: AuditConfig,
    store: Store,
    laid_out: Callable[[PlannedStages, AuditConfig], object] = audited,
) -> Plan:
    """What auditing `config` on `store` would do, or something else with its backbones.

    Args:
        laid_out: submits the stages of one backbone's work.

    Raises:
        InputError: what the audit itself would refuse in its data or backbones.
    """
    there, gaps = without_missing(config)
    plan, seen = Plan([], list(gaps.values())), set[str]()
    for item in there.backbones:
        if not at_hand(item):
            plan.unknown.append(
                f"{item.name}: all of it, since its weights are not on this machine yet; "
                "`uwm audit` fetches them first"
            )
            continue
        backbone = load(item, there.device, there.precision)
        stages = PlannedStages(there, store, backbone, item.name, seen)
        known = there
        for method in there.weight_methods:
            wanted = method.weights_for(item.name)
            if isinstance(wanted, WeightsFrom) and not at_hand(wanted.place):
                known = known.narrowed(
                    methods={each.name for each in known.methods} - {method.name}
                )
                plan.unknown.append(
                    f"{item.name}: all of {method.name} and what edits it, since its weights are "
                    "not on this machine yet; `uwm audit` fetches them first"
                )
        laid_out(stages, known)
        plan.rows += stages.rows.values()
        plan.unknown += stages.unknown
    return plan


def check_room(plan: Plan, store: Store) -> None:
    """Raise InputError when what is to be written does not fit beside the store."""
    free = store.free
    if plan.size > free:
        raise InputError(
            f"this writes {_mib(plan.size)} MiB and {store.root} has {_mib(free)} MiB free; "
            "make room (`uwm store gc`), name another place with --store, or take fewer samples "
            "(`per_concept`)"
        )


def print_plan(console: Console, plan: Plan, store: Store) -> None:
    """A row per backbone and stage, the total, and what is not known."""
    table = Table(title=f"plan on {store.url}")
    for name in ("backbone", "stage"):
        table.add_column(name, no_wrap=True)
    for name in ("cached", "to make", "samples", "MiB to write", "image passes", "text passes"):
        table.add_column(name, justify="right")
    shown = ""
    for row in plan.rows:
        if row.backbone != shown:
            table.add_section()
        passes = [f"{row.passes[tower]:,}" if row.passes[tower] else "" for tower in TOWERS]
        counts = [str(row.cached), str(row.missing), f"{row.samples:,}", _mib(row.size), *passes]
        table.add_row(row.backbone if row.backbone != shown else "", row.stage, *counts)
        shown = row.backbone
    table.add_section()
    cached = sum(row.cached for row in plan.rows)
    totals = [f"{plan.passes(tower):,}" for tower in TOWERS]
    table.add_row("all", "", str(cached), str(plan.missing), "", _mib(plan.size), *totals)
    console.print(table)
    for said in plan.unknown:
        console.print(f"not known yet: {said}", markup=False, highlight=False)
    if not plan.missing and not plan.unknown:
        console.print("everything is cached")
    free = store.free
    console.print(f"{_mib(free)} MiB free at {store.root}", highlight=False, soft_wrap=True)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f}"
