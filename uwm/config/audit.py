"""A whole audit: one YAML file, and the parameters of the flow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from uwm.config.backbones import BackboneConfig, Precision
from uwm.config.generalisation import Drift, HeldOut
from uwm.config.methods import (
    EditMethod,
    EditMethodConfig,
    Layerwise,
    MethodConfig,
    Neurons,
    RandomControl,
    Uwm,
)
from uwm.config.metrics import MetricReferences
from uwm.config.pairs import PairsConfig
from uwm.config.policy import Policy
from uwm.config.search import SearchSettings
from uwm.config.settings import Settings
from uwm.config.sweep import SweepSettings
from uwm.config.towers import TowerRoles
from uwm.config.weights import Checkpoint, SafeClip
from uwm.config.zeroshot import Benchmarks, ZeroShotConfig, ZeroShotItem
from uwm.families import Role, Tower
from uwm.metrics.plugins import with_plugins
from uwm.metrics.registry import Metrics


class ChoiceRule(Settings):
    """How a point of a grid is chosen on the validation pairs: the safest that keeps knowledge.

    Safest: the highest mean of P_t_u and P_v_u. Keeps knowledge: recall@1 of safe pairs, text to
    image and back, and P_t_s and P_v_s each fall by at most `max_loss` points.
    """

    max_loss: float = Field(4.0, ge=0, le=100, description="in percentage points")


class AuditConfig(Settings):
    """An audit: which backbones, measured on what, repaired how."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = "audit"
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = Field("fp32", description="of forward passes; scores stay float32")
    batch_size: int = Field(64, ge=1, description="samples per forward pass")
    parallel: int = Field(1, ge=1, le=64, description="backbones audited at the same time")
    threads: int | None = Field(
        None, ge=1, le=1024, description="of a forward pass on a CPU; else its share of the cores"
    )
    tag_tasks: bool = Field(
        False,
        description="tag task runs with backbone and stage, for a server's limits; slow on SQLite",
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="of the bootstrap")
    backbones: tuple[BackboneConfig, ...] = Field(min_length=1)
    calibration: PairsConfig
    validation: PairsConfig | None = None
    benchmarks: tuple[PairsConfig, ...] = Field(min_length=1)
    zeroshot: tuple[ZeroShotItem, ...] = ()
    methods: tuple[MethodConfig, ...] = Field(min_length=1)
    metrics: MetricReferences = Field(
        (), description="further ones, `path/to/file.py:NAME` or of an installed package"
    )
    choice: ChoiceRule = ChoiceRule()
    held_out: HeldOut | None = Field(None, description="concepts left out of the calibration")
    drift: Drift | None = Field(None, description="edits made from parts of the calibration set")
    policy: Policy | None = Field(None, description="when the audit has regressed")
    sweep: SweepSettings | None = Field(None, description="what `uwm sweep` tries")
    search: SearchSettings | None = Field(None, description="of `uwm search`")

    @field_validator("policy")
    @classmethod
    def _policy_for_metrics(cls, policy: Policy | None, info: ValidationInfo) -> Policy | None:
        if policy is not None and "metrics" in info.data:
            policy.check(with_plugins(info.data["metrics"]))
        return policy

    @field_validator("search")
    @classmethod
    def _search_for_metrics(
        cls, search: SearchSettings | None, info: ValidationInfo
    ) -> SearchSettings | None:
        if search is not None and "metrics" in info.data:
            search.check(with_plugins(info.data["metrics"]))
        return search

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for part, names in (
            ("backbones", [item.name for item in self.backbones]),
            (
                "benchmarks and zero-shot sets",
                [
                    *(data.name for data in self.benchmarks),
                    *(data.name for data in self.zeroshot_sets),
                ],
            ),
            ("methods", [method.name for method in self.methods]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{part} need names of their own; twice: {', '.join(twice)}")
        editing = {method.name for method in self.edit_methods}
        for method in self.methods:
            if isinstance(method, RandomControl) and method.of not in editing:
                raise ValueError(
                    f"a random control is `of` an editing method of this audit "
                    f"({', '.join(sorted(editing)) or 'there is none'}); got {method.of!r}"
                )
        if self.validation is None and any(method.chooses for method in self.edit_methods):
            raise ValueError("a method with a grid needs `validation` pairs to choose on")
        self._check_weights()
        self._check_generalisation()
        self._check_policy()
        self._check_search()
        return self

    def _check_weights(self) -> None:
        """Weights are of the audit's backbones, and an edit's base is one of those methods."""
        backbones = [backbone.name for backbone in self.backbones]
        for method in self.weight_methods:
            if isinstance(method, Checkpoint) and (
                unknown := sorted({*method.weights} - {*backbones})
            ):
                raise ValueError(
                    f"{method.name} has weights of {', '.join(unknown)}; this audit has the "
                    f"backbones {', '.join(backbones)}"
                )
        bases = [method.name for method in self.weight_methods]
        for edit in self.edit_methods:
            if edit.base is not None and edit.base not in bases:
                raise ValueError(
                    f"the base of {edit.name} is a method of kind checkpoint or safe_clip "
                    f"({', '.join(bases) or 'there is none'}); got {edit.base!r}"
                )

    def _check_generalisation(self) -> None:
        """Its sections are for methods and benchmarks that the audit has."""
        known = [method.name for method in self.rescored_methods]
        for section, asked in (("held_out", self.held_out), ("drift", self.drift)):
            if asked and (unknown := [name for name in asked.methods if name not in known]):
                raise ValueError(
                    f"{section} is for methods of this audit that score the calibration set "
                    f"({', '.join(known) or 'there is none'}); got {', '.join(unknown)}"
                )
        if self.drift and not known:
            raise ValueError("drift is of edits, and no method of this audit makes one")
        names = [data.name for data in self.benchmarks]
        if self.held_out and self.held_out.benchmark not in (None, *names):
            raise ValueError(
                f"held_out is measured on a benchmark of this audit ({', '.join(names)}); "
                f"got {self.held_out.benchmark!r}"
            )

    def _check_policy(self) -> None:
        """A rule is for what the audit has."""
        known = {
            "methods": [method.name for method in self.methods if method not in self.controls],
            "backbones": [backbone.name for backbone in self.backbones],
        }
        benchmarks = [data.name for data in self.benchmarks]
        sets = [data.name for data in self.zeroshot_sets]
        for rule in self.policy.rules if self.policy else ():
            zeroshot = self.measured.by_rule_name[rule.metric].data == "zero-shot"
            if zeroshot and not sets:
                raise ValueError(
                    f"a policy rule is for {rule.metric} and the audit has no such set"
                )
            has = {**known, "datasets": sets if zeroshot else benchmarks}
            for part, names in has.items():
                if unknown := sorted({*getattr(rule, part)} - {*names}):
                    raise ValueError(
                        f"the policy rule for {rule.metric} is for {part} that it cannot have: "
                        f"{', '.join(unknown)}; there are {', '.join(names)}"
                    )

    @property
    def measured(self) -> Metrics:
        """The metrics of this audit: the built-in ones, and those that `metrics` names."""
        return with_plugins(self.metrics)

    def _check_search(self) -> None:
        """A search chooses on data that nothing is claimed on."""
        if self.search is None:
            return
        if self.validation is None:
            raise ValueError("a search needs `validation` pairs to choose on")
        if self.validation in self.benchmarks:
            raise ValueError(
                f"a search chooses on {self.validation.name}, so it cannot be a benchmark, too"
            )
        claimed = {data.name for data in self.zeroshot_sets}
        if both := sorted(claimed & {data.name for data in self.search.zeroshot}):
            raise ValueError(
                "a search chooses on zero-shot sets other than those that the audit is about; "
                f"both name {', '.join(both)}"
            )

    @property
    def zeroshot_sets(self) -> tuple[ZeroShotConfig, ...]:
        """The zero-shot sets one by one, `benchmarks` taken apart."""
        return tuple(
            data
            for item in self.zeroshot
            for data in (item.members if isinstance(item, Benchmarks) else (item,))
        )

    @property
    def edit_methods(self) -> tuple[EditMethodConfig, ...]:
        return tuple(m for m in self.methods if isinstance(m, EditMethod | Layerwise))

    @property
    def weight_methods(self) -> tuple[Checkpoint | SafeClip, ...]:
        """Methods that bring weights of their own."""
        return tuple(m for m in self.methods if isinstance(m, Checkpoint | SafeClip))

    @property
    def rescored_methods(self) -> tuple[Uwm | Neurons, ...]:
        """Methods whose edits can be made anew from a part of the captured pairs."""
        return tuple(
            method
            for method in self.methods
            if isinstance(method, Uwm | Neurons) and method.base is None and method.part is None
        )

    @property
    def controls(self) -> tuple[RandomControl, ...]:
        return tuple(method for method in self.methods if isinstance(method, RandomControl))

    def edited_roles(self, tower: Tower) -> tuple[Role, ...]:
        """Roles that any method edits in a tower, or a search may, each once, sorted."""
        searched = self.search.families.values() if self.search else ()
        return _roles((*self.edit_methods, *searched), tower)

    def captured_roles(self, tower: Tower, base: str | None = None) -> tuple[Role, ...]:
        """Of these, the roles scored by activation statistics on the weights of `base`.

        None are the backbone's own weights.
        """
        scored = [
            method
            for method in self.edit_methods
            if isinstance(method, Uwm | Neurons | Layerwise) and method.base == base
        ]
        searched = self.search.families.values() if self.search and base is None else ()
        return _roles((*scored, *searched), tower)

    @property
    def peaks(self) -> bool:
        """Whether a method's score needs the largest magnitudes over tokens."""
        return any(
            isinstance(method, Neurons | Layerwise) and method.score == "peak_ratio"
            for method in self.edit_methods
        )

    def without(self, base: str) -> AuditConfig:
        """The audit without a method that brings weights, and without what stands on them."""
        gone = {base, *(method.name for method in self.edit_methods if method.base == base)}
        kept = tuple(
            method
            for method in self.methods
            if not {method.name, *([method.of] if isinstance(method, RandomControl) else [])} & gone
        )
        return self.model_copy(update={"methods": kept})

    def changed_roles(self, tower: Tower) -> tuple[Role, ...]:
        """Roles that any method edits or trains in a tower, or a search may edit, sorted."""
        trained = [method for method in self.weight_methods if isinstance(method, SafeClip)]
        return tuple(sorted({*_roles(trained, tower), *self.edited_roles(tower)}))


class _HasRoles(Protocol):
    @property
    def roles(self) -> TowerRoles: ...


def _roles(items: Iterable[_HasRoles], tower: Tower) -> tuple[Role, ...]:
    return tuple(sorted({role for item in items for role in getattr(item.roles, tower)}))
