"""The interface of every method, and what editing methods have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field

from uwm.config.choice import ChoiceRule
from uwm.config.methods.requests import (
    AnyPoint,
    EditPoint,
    EditRequest,
    Misleading,
    PairMoments,
    Rewriting,
    Selection,
    StatisticsScore,
    WeightsRequest,
)
from uwm.config.settings import Name, Settings
from uwm.config.towers import (
    ALL_BLOCKS,
    EditedBlocks,
    EditedRoles,
    MethodFactors,
    PerTower,
    Roles,
    Shares,
)
from uwm.config.zeroshot import ZeroShotSet
from uwm.families import TOWERS, Blocks, Tower

if TYPE_CHECKING:
    from uwm.config.methods.control import Control

_UNTOUCHED = PerTower[Roles](image=(), text=())


class Method(Settings):
    """A method that an audit compares. Code that runs it uses this interface, never its class."""

    kind: str
    roles_key: ClassVar[str] = "roles"
    """The key in the file that says which layers are changed."""
    if TYPE_CHECKING:  # a field of most methods, a property of others

        @property
        def name(self) -> str: ...

    @property
    def refers_to(self) -> tuple[str, ...]:
        """Names of the methods that it depends on."""
        return ()

    @property
    def changed_roles(self) -> PerTower[Roles]:
        """The roles whose layers it edits or trains."""
        return _UNTOUCHED

    @property
    def edits(self) -> EditMethod | None:
        """The method itself if it edits weights, else None."""
        return None

    @property
    def control(self) -> Control | None:
        """The method itself if it is a control of another method, else None."""
        return None

    @property
    def blanks_texts(self) -> bool:
        """Whether it is the degenerate reference that repairs are compared with, see
        `uwm.method.blanking`."""
        return False

    @property
    def rewriting(self) -> Rewriting | None:
        """How it changes embeddings, if it changes them instead of weights; else None."""
        return None

    @property
    def chooses(self) -> bool:
        """Whether some tower has more than one point to choose from."""
        return False

    @property
    def chosen_by(self) -> ChoiceRule | None:
        """Its own rule for choosing a point, or None for the audit's."""
        return None

    @property
    def brings_weights(self) -> bool:
        """Whether it measures its own weights instead of editing the backbone's."""
        return False

    @property
    def named_backbones(self) -> tuple[str, ...]:
        """Names of the backbones that it has entries for."""
        return ()

    def weights_for(self, backbone: str) -> WeightsRequest | None:
        """The weights that it brings for a backbone, or None if it has none for it."""
        return None

    def of_backbones(self, names: Collection[str]) -> Self | None:
        """The method restricted to some of an audit's backbones, or None if nothing remains."""
        return self


class EditMethod(Method):
    """A method that edits weights: either weights selected by their scores, or whole layers.

    A subclass states what edits are computed from, which points to try, and how to select weights.
    """

    misleading: ClassVar[tuple[Misleading, ...]] = ("swapped", "mispaired", "one way")
    """How the controls of its edits of whole layers may lead elsewhere."""
    base: str | None = Field(
        None,
        description="name of the `checkpoint` or `safe_clip` method whose weights are edited",
    )
    choice: ChoiceRule | None = Field(
        None, description="rule that chooses its point; by default the audit's `choice`"
    )
    if TYPE_CHECKING:

        @property
        def roles(self) -> PerTower[Roles]: ...

    @abstractmethod
    def request(self, tower: Tower) -> EditRequest:
        """What a tower's edits are computed from: scores to select by, or moments of the pairs."""

    def selected_by(self, tower: Tower) -> Selection | None:
        """How a share of the scores is selected, or None if whole layers are edited."""
        return None

    @abstractmethod
    def points(self, tower: Tower) -> Sequence[AnyPoint]:
        """Every edit to try in a tower; empty if the tower is not edited."""

    @property
    def selects(self) -> bool:
        """Whether it selects weights or nodes, so that its edits can be compared by these."""
        return any(self.selected_by(tower) for tower in TOWERS if self.points(tower))

    def blocks_of(self, tower: Tower) -> Blocks:
        """The blocks that may be edited."""
        return "all"

    @property
    def preserved_sets(self) -> tuple[ZeroShotSet, ...]:
        """Zero-shot sets whose embeddings its edits are made to preserve."""
        requests = [self.request(tower) for tower in TOWERS if self.points(tower)]
        found = [
            data
            for request in requests
            if isinstance(request, PairMoments)
            for data in request.sets
        ]
        return tuple(dict.fromkeys(found))

    @property
    def chooses(self) -> bool:
        return any(len(self.points(tower)) > 1 for tower in TOWERS)

    @property
    def rescored(self) -> bool:
        """Whether its edits can be recomputed from a subset of the captured pairs."""
        requests = [self.request(tower) for tower in TOWERS if self.points(tower)]
        return self.base is None and all(
            isinstance(request, StatisticsScore | PairMoments) and request.part is None
            for request in requests
        )

    @property
    def chosen_by(self) -> ChoiceRule | None:
        return self.choice

    @property
    def refers_to(self) -> tuple[str, ...]:
        return () if self.base is None else (self.base,)

    @property
    def changed_roles(self) -> PerTower[Roles]:
        return self.roles

    @property
    def edits(self) -> EditMethod | None:
        return self


class GridMethod(EditMethod):
    """An editing method with the same share and factor for all layers of a tower.

    A list instead of a single value is a grid, whose point is chosen on the validation pairs.
    """

    name: Name
    alpha: MethodFactors = (-1.0,)
    roles: EditedRoles
    blocks: EditedBlocks = ALL_BLOCKS

    @property
    @abstractmethod
    def shares(self) -> Shares:
        """The shares to select, whatever the method's key for them is."""

    def points(self, tower: Tower) -> tuple[EditPoint, ...]:
        if not self.roles[tower]:
            return ()
        shares, factors = (
            values[tower] if isinstance(values, PerTower) else values
            for values in (self.shares, self.alpha)
        )
        return tuple(EditPoint(*point) for point in product(shares, factors))

    def blocks_of(self, tower: Tower) -> Blocks:
        return self.blocks[tower]


def check_mass(scores: Collection[str], selections: Collection[str]) -> None:
    """Raise ValueError if scores that can be negative are to be selected by their mass."""
    if "difference" in scores and "mass" in selections:
        raise ValueError(
            "difference scores can be negative, so they have no mass; select them by `count`"
        )
