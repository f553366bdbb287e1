"""The gradient baselines of UWM's authors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from uwm.config.methods.base import GridMethod
from uwm.config.methods.requests import GradientScore, Selection
from uwm.config.settings import Name
from uwm.config.towers import (
    EditedRoles,
    GradientKind,
    MethodFactors,
    PerTower,
    Roles,
    Shares,
    WeightRule,
    form,
)
from uwm.families import Tower

BatchSize = Annotated[int, Field(ge=1)]
BatchSizes = Annotated[
    Annotated[BatchSize, Tag("both")] | Annotated[PerTower[BatchSize], Tag("per tower")],
    Discriminator(form),
]


class GradientMethod(GridMethod):
    """A baseline of UWM's authors: weights that a loss is most sensitive to are set to zero.

    Scores depend on the batch size of the gradients, which is separate from the audit's.
    """

    kind: GradientKind
    tau: Shares
    alpha: MethodFactors = (0.0,)
    selection: PerTower[WeightRule] = Field(
        description="how weights are selected by their scores, per tower"
    )
    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("out",))
    batch_size: BatchSizes = Field(
        64, description="pairs per gradient, one number or one per tower; scores depend on it"
    )

    @property
    def shares(self) -> Shares:
        return self.tau

    def request(self, tower: Tower) -> GradientScore:
        size = self.batch_size
        return GradientScore(self.kind, size[tower] if isinstance(size, PerTower) else size)

    def selected_by(self, tower: Tower) -> Selection:
        return Selection(self.selection[tower])


class GUnsafe(GradientMethod):
    """G-Unsafe: weights that distinguish the other tower's safe partition from its unsafe one."""

    kind: Literal["g_unsafe"]
    name: Name = "g_unsafe"
    tau: Shares = (0.035,)
    selection: PerTower[WeightRule] = PerTower[WeightRule](image="mass", text="count")


class GSafeClip(GradientMethod):
    """G-Safe-CLIP: weights that Safe-CLIP's training losses would change most."""

    kind: Literal["g_safe_clip"]
    name: Name = "g_safe_clip"
    tau: Shares = (0.005,)
    selection: PerTower[WeightRule] = PerTower[WeightRule](image="count", text="count")
