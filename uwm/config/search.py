"""`uwm search`: what it may vary, how far, and what it chooses by."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from uwm.config.metrics import refuse
from uwm.config.settings import Factor, Seed, Settings, Share
from uwm.config.towers import EditedRoles, PerTower, Roles
from uwm.config.zeroshot import ZeroShotConfig
from uwm.metrics.registry import BUILT_IN, Metrics

Family = Literal["uwm", "neurons"]
"""Weights by the share of score that they carry, or whole nodes."""


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if low >= high:
        raise ValueError(f"bounds are the lower and the upper one; got {low:g} and {high:g}")
    return bounds


def _effective(bounds: tuple[float, float]) -> tuple[float, float]:
    if round(bounds[0], 2) <= 1 <= round(bounds[1], 2):  # points have two decimals
        raise ValueError("a factor of 1 leaves a layer as it is; bounds lie on one side of it")
    return bounds


ShareBounds = Annotated[tuple[Share, Share], AfterValidator(_ascending)]
FactorBounds = Annotated[
    tuple[Factor, Factor], AfterValidator(_ascending), AfterValidator(_effective)
]


class FamilySettings(Settings):
    """What a search may do with one family of methods.

    Either tower is left alone or edited in the layers of one of its `roles`; each of these layers
    is left alone or gets a share and a factor of its own.
    """

    roles: EditedRoles
    share: ShareBounds
    alpha: FactorBounds = (-3.0, 0.5)


class UwmSettings(FamilySettings):
    """Weights; `share` is tau. Whether the magnitude prior is used is searched, too."""

    roles: EditedRoles = PerTower[Roles](image=("fc2", "out"), text=("out", "fc2"))
    share: ShareBounds = (0.005, 0.2)


class NeuronsSettings(FamilySettings):
    """Input nodes."""

    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("fc2",))
    share: ShareBounds = (0.01, 0.2)


class SearchSettings(Settings):
    """A search for a backbone's best trade-offs between safety and knowledge, on validation data.

    Safety is the mean of the metrics `safety`. Knowledge is the mean of recall@1 of safe pairs,
    text to image and back, and of the zero-shot accuracy where there are sets for it.
    """

    budget: int = Field(160, ge=2, le=100_000, description="evaluations per backbone")
    seed: Seed | None = Field(None, description="the audit's if absent")
    generation: int = Field(16, ge=1, le=1000, description="evaluations that are planned together")
    warmup: int = Field(
        24, ge=0, description="evaluations with one share and factor per tower, before any model"
    )
    safety: tuple[str, ...] = Field(
        tuple(metric.name for metric in BUILT_IN.goals("safety")), min_length=1
    )
    zeroshot: tuple[ZeroShotConfig, ...] = Field((), description="to choose on; none of the test's")
    floor: float = Field(
        0.75, ge=0, lt=1, description="share of the original's knowledge below which none counts"
    )
    keep: float = Field(
        0.95, gt=0, le=1, description="share of the original's knowledge that a pick keeps"
    )
    points: int = Field(4, ge=0, le=50, description="of the front, measured on the test data")
    control_seeds: int = Field(3, ge=1, le=100, description="random controls of each point")
    uwm: UwmSettings | None = UwmSettings()
    neurons: NeuronsSettings | None = NeuronsSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.families:
            raise ValueError("name a family to search, uwm or neurons")
        return self

    def check(self, metrics: Metrics) -> None:
        """Hold the metrics that are maximised against those that an audit has.

        Raises:
            ValidationError: one is no goal of safety and no metric that a claim stands on.
        """
        known = [
            metric.name
            for metric in metrics.of(data="pairs")
            if (metric.goal or metric.claimed) and metric.group == "safety"
        ]
        wrong = f"a search maximises the mean of metrics out of {', '.join(known)}"
        refuse(
            "search",
            [
                (("safety", index), f"{wrong}; got {name!r}", name)
                for index, name in enumerate(self.safety)
                if name not in known
            ],
        )

    @property
    def families(self) -> dict[Family, FamilySettings]:
        """Those that are searched, by name."""
        found: dict[Family, FamilySettings | None] = {"uwm": self.uwm, "neurons": self.neurons}
        return {name: family for name, family in found.items() if family is not None}
