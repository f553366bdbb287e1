"""A whole audit: one YAML file, and the parameters of the flow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from uwm.config.backbones import BackboneConfig, Precision
from uwm.config.checks import check_audit
from uwm.config.choice import ChoiceRule
from uwm.config.generalisation import Drift, HeldOut
from uwm.config.methods import Control, EditMethod, Method, MethodConfig
from uwm.config.methods.requests import StatisticsScore
from uwm.config.metrics import MetricReferences
from uwm.config.pairs import PairsConfig
from uwm.config.policy import Policy
from uwm.config.references import standing, without_dangling
from uwm.config.search import SearchSettings
from uwm.config.sections import SectionConfig
from uwm.config.settings import Seed, Settings
from uwm.config.sweep import SweepSettings
from uwm.config.towers import PerTower, Roles
from uwm.config.zeroshot import ZeroShotItem, ZeroShotSet, separate
from uwm.families import Role, Tower
from uwm.metrics.plugins import with_plugins
from uwm.metrics.registry import Metrics


class AuditConfig(Settings):
    """An audit: which backbones, repaired by which methods, and measured on which data."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = "audit"
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = Field(
        "fp32", description="precision of forward passes; scores are always float32"
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="samples per forward pass")
    parallel: int = Field(1, ge=1, le=64, description="backbones audited at the same time")
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads per forward pass; by default an equal share"
    )
    tag_tasks: bool = Field(
        False,
        description="tag each task run with its backbone and stage, so that a Prefect server can "
        "limit concurrency by tag; slow on SQLite",
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="number of bootstrap resamples")
    backbones: tuple[BackboneConfig, ...] = Field(min_length=1)
    calibration: PairsConfig
    validation: PairsConfig | None = None
    benchmarks: tuple[PairsConfig, ...] = Field(min_length=1)
    zeroshot: tuple[ZeroShotItem, ...] = ()
    methods: tuple[MethodConfig, ...] = Field(min_length=1)
    metrics: MetricReferences = Field(
        (),
        description="additional metrics, each `path/to/file.py:NAME` or the name that an installed "
        "package registers",
    )
    choice: ChoiceRule = ChoiceRule()
    margin: float = Field(
        2.0,
        gt=0,
        le=100,
        description="non-inferiority margin in percentage points: knowledge counts as kept if the "
        "whole 95 % interval of its change lies above minus this margin",
    )
    held_out: HeldOut | None = Field(
        None, description="repeat repairs with one concept left out of the calibration set"
    )
    drift: Drift | None = Field(
        None, description="compare edits made from parts of the calibration set"
    )
    sections: tuple[SectionConfig, ...] = Field(
        (),
        description="additional sections of the report, each `path/to/file.py:Class` or the name "
        "that an installed package registers",
    )
    policy: Policy | None = Field(
        None, description="limits that decide whether the audit has regressed"
    )
    sweep: SweepSettings | None = Field(None, description="what `uwm sweep` tries")
    search: SearchSettings | None = Field(None, description="what `uwm search` tries")

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
        check_audit(self)
        return self

    @property
    def measured(self) -> Metrics:
        """The metrics of this audit: the built-in ones, and those that `metrics` names."""
        return with_plugins(self.metrics)

    @property
    def zeroshot_sets(self) -> tuple[ZeroShotSet, ...]:
        """The individual zero-shot sets, with `benchmarks` expanded."""
        return separate(self.zeroshot)

    @property
    def knowledge_sets(self) -> tuple[ZeroShotSet, ...]:
        """The zero-shot sets that measure knowledge: those whose classes are not unsafe kinds."""
        return tuple(data for data in self.zeroshot_sets if not data.unsafe)

    @property
    def edit_methods(self) -> tuple[EditMethod, ...]:
        """Methods that edit weights."""
        return tuple(edits for method in self.methods if (edits := method.edits))

    def rule_for(self, method: str) -> ChoiceRule:
        """The rule that chooses a method's point: its own, or else the audit's."""
        own = {item.name: item.chosen_by for item in self.methods}
        return own.get(method) or self.choice

    @property
    def weight_methods(self) -> tuple[Method, ...]:
        """Methods that bring weights of their own."""
        return tuple(method for method in self.methods if method.brings_weights)

    @property
    def rescored_methods(self) -> tuple[EditMethod, ...]:
        """Methods whose edits can be recomputed from a subset of the captured pairs."""
        return tuple(method for method in self.edit_methods if method.rescored)

    @property
    def controls(self) -> tuple[Control, ...]:
        """Methods that are controls of other methods."""
        return tuple(control for method in self.methods if (control := method.control))

    def edited_roles(self, tower: Tower) -> tuple[Role, ...]:
        """Roles that some method or the search edits in a tower, sorted and without duplicates."""
        return _union([*(method.roles for method in self.edit_methods), *self._searched], tower)

    def captured_roles(self, tower: Tower, base: str | None = None) -> tuple[Role, ...]:
        """The edited roles whose inputs are captured on the weights of `base`.

        Inputs are captured for scores from activation statistics and for controls of equal
        contribution. A `base` of None means the backbone's own weights.
        """
        compared = {
            control.of
            for control in self.controls
            if any(draw.by == "contribution" for draw in control.draws)
        }
        drawn = [method.roles for method in self._edited(tower, base) if method.name in compared]
        return _union([*self._scored(tower, base), *drawn], tower)

    def scored_roles(self, tower: Tower) -> tuple[Role, ...]:
        """The captured roles scored from activation statistics on the backbone's own weights."""
        return _union(self._scored(tower, None), tower)

    def _scored(self, tower: Tower, base: str | None) -> list[PerTower[Roles]]:
        scored = [
            method.roles
            for method in self._edited(tower, base)
            if isinstance(method.request(tower), StatisticsScore)
        ]
        return [*scored, *(self._searched if base is None else ())]

    def _edited(self, tower: Tower, base: str | None) -> list[EditMethod]:
        """Methods that edit this tower of the weights of `base`."""
        return [
            method for method in self.edit_methods if method.base == base and method.points(tower)
        ]

    def changed_roles(self, tower: Tower) -> tuple[Role, ...]:
        """Roles that some method edits or trains, or that the search edits, in a tower, sorted."""
        return _union([*(method.changed_roles for method in self.methods), *self._searched], tower)

    @property
    def _searched(self) -> list[PerTower[Roles]]:
        return [family.roles for family in self.search.families.values()] if self.search else []

    def altered(self, **changes: Any) -> AuditConfig:
        """A copy of the audit with some fields changed and dangling references removed.

        Policy rules, and methods of `held_out` and `drift`, are dropped where they name a method,
        a backbone or a data set that the new audit no longer has.

        Args:
            changes: new values by field name, as models rather than mappings.

        Raises:
            ValidationError: the result is not a valid audit.
        """
        fields = {name: getattr(self, name) for name in self.model_fields_set} | changes
        return AuditConfig.model_validate(without_dangling(fields, self.measured))

    def narrowed(
        self, backbones: Collection[str] | None = None, methods: Collection[str] | None = None
    ) -> AuditConfig:
        """The audit restricted to some of its backbones and methods.

        Whatever refers to a removed backbone or method is removed too: weights of other backbones,
        methods without any weights left, edits of a removed method's weights, its controls, and
        rules. If no method remains, the audit measures the original alone.

        Args:
            backbones: names of the backbones to keep; all of them by default.
            methods: names of the methods to keep; all of them by default.
        """
        kept = [item for item in self.backbones if backbones is None or item.name in backbones]
        asked = [item for item in self.methods if methods is None or item.name in methods]
        left = standing(asked, [item.name for item in kept])
        return self.altered(backbones=tuple(kept), methods=left)


def _union(roles: Iterable[PerTower[Roles]], tower: Tower) -> tuple[Role, ...]:
    return tuple(sorted({role for each in roles for role in each[tower]}))
