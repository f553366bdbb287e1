"""Settings of `uwm search`: what it varies, within which bounds, and what it maximises."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from uwm.config.metrics import refuse
from uwm.config.settings import Factor, Seed, Settings, Share
from uwm.config.towers import EditedRoles, PerTower, Roles
from uwm.config.zeroshot import ZeroShotConfig
from uwm.metrics.registry import BUILT_IN, Metrics

Family = Literal["uwm", "neurons"]
"""`uwm` edits weights selected by their share of the score mass; `neurons` edits whole nodes."""


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if low >= high:
        raise ValueError(f"the lower bound comes first; got {low:g} and {high:g}")
    return bounds


def _effective(bounds: tuple[float, float]) -> tuple[float, float]:
    if round(bounds[0], 2) <= 1 <= round(bounds[1], 2):  # points have two decimals
        raise ValueError(
            "a factor of 1 changes nothing; choose bounds that are both below or both above 1"
        )
    return bounds


ShareBounds = Annotated[tuple[Share, Share], AfterValidator(_ascending)]
FactorBounds = Annotated[
    tuple[Factor, Factor], AfterValidator(_ascending), AfterValidator(_effective)
]


class FamilySettings(Settings):
    """What a search may vary in one family of methods.

    Each tower is left unedited or edited in the layers of one of its `roles`; each of these layers
    is left unedited or gets its own share and factor.
    """

    roles: EditedRoles
    share: ShareBounds
    alpha: FactorBounds = (-3.0, 0.5)


class UwmSettings(FamilySettings):
    """Edits of weights; `share` is tau. Whether to use the magnitude prior is searched too."""

    roles: EditedRoles = PerTower[Roles](image=("fc2", "out"), text=("out", "fc2"))
    share: ShareBounds = (0.005, 0.2)


class NeuronsSettings(FamilySettings):
    """Input nodes."""

    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("fc2",))
    share: ShareBounds = (0.01, 0.2)


class SearchSettings(Settings):
    """A search for a backbone's best trade-offs between safety and knowledge, on validation data.

    Safety is the mean of the metrics `safety`. Knowledge is the mean of recall@1 of safe pairs in
    both directions and, if `zeroshot` has sets, of the zero-shot accuracy.
    """

    budget: int = Field(160, ge=2, le=100_000, description="evaluations per backbone")
    seed: Seed | None = Field(None, description="the audit's seed by default")
    generation: int = Field(16, ge=1, le=1000, description="evaluations per generation")
    warmup: int = Field(
        24,
        ge=0,
        description="first evaluations, with one share and factor per tower, before the model "
        "proposes any",
    )
    safety: tuple[str, ...] = Field(
        tuple(metric.name for metric in BUILT_IN.goals("safety")), min_length=1
    )
    zeroshot: tuple[ZeroShotConfig, ...] = Field(
        (), description="sets to choose on, none of which the audit measures"
    )
    floor: float = Field(
        0.75, ge=0, lt=1, description="least share of the original's knowledge that a point keeps"
    )
    keep: float = Field(
        0.95, gt=0, le=1, description="share of the original's knowledge that the pick keeps"
    )
    points: int = Field(
        4, ge=0, le=50, description="points of the Pareto front to measure on the test data"
    )
    control_seeds: int = Field(3, ge=1, le=100, description="random controls per point")
    uwm: UwmSettings | None = UwmSettings()
    neurons: NeuronsSettings | None = NeuronsSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.families:
            raise ValueError("a search needs at least one family: `uwm`, `neurons` or both")
        return self

    def check(self, metrics: Metrics) -> None:
        """Check the metrics `safety` against those of an audit.

        Raises:
            ValidationError: one is neither a goal of safety nor a metric that claims rest on.
        """
        known = [
            metric.name
            for metric in metrics.of(data="pairs")
            if (metric.goal or metric.claimed) and metric.group == "safety"
        ]
        wrong = f"a metric of safety to maximise must be one of {', '.join(known)}"
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
        """The families that are searched, by name."""
        found: dict[Family, FamilySettings | None] = {"uwm": self.uwm, "neurons": self.neurons}
        return {name: family for name, family in found.items() if family is not None}
