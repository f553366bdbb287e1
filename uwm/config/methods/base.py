"""What every method states of itself, and what the editing ones have in common."""

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
    """What an audit compares. Whatever runs one asks it these things, never for its class."""

    kind: str
    roles_key: ClassVar[str] = "roles"
    """The key in the file that says which layers are changed."""
    if TYPE_CHECKING:  # a field of most methods, a property of others

        @property
        def name(self) -> str: ...

    @property
    def refers_to(self) -> tuple[str, ...]:
        """Names of the methods that it cannot be without."""
        return ()

    @property
    def changed_roles(self) -> PerTower[Roles]:
        """The roles whose layers it changes, by editing or by training."""
        return _UNTOUCHED

    @property
    def edits(self) -> EditMethod | None:
        """Itself, where it makes edits."""
        return None

    @property
    def control(self) -> Control | None:
        """Itself, where it is a control of another method."""
        return None

    @property
    def blanks_texts(self) -> bool:
        """Whether it is the degenerate reference that a repair is held against, see
        `uwm.method.blanking`."""
        return False

    @property
    def rewriting(self) -> Rewriting | None:
        """What it does to embeddings, where it changes these instead of weights."""
        return None

    @property
    def chooses(self) -> bool:
        """Whether there is more than one point to try in some tower."""
        return False

    @property
    def chosen_by(self) -> ChoiceRule | None:
        """Its own rule of choosing a point, if it has one."""
        return None

    @property
    def brings_weights(self) -> bool:
        """Whether it measures weights of its own instead of editing those that are there."""
        return False

    @property
    def named_backbones(self) -> tuple[str, ...]:
        """Names of the audit's backbones that it has entries for."""
        return ()

    def weights_for(self, backbone: str) -> WeightsRequest | None:
        """The weights that it brings for a backbone; None where it has none for that."""
        return None

    def of_backbones(self, names: Collection[str]) -> Self | None:
        """The method for some of an audit's backbones; None where nothing of it is left."""
        return self


class EditMethod(Method):
    """A method that edits weights: those that it selects by scores, or a whole layer's.

    A subclass states from what edits are made, at which points, and how weights are selected.
    """

    misleading: ClassVar[tuple[Misleading, ...]] = ("swapped", "mispaired", "one way")
    """How the controls of its edits of whole layers may lead elsewhere."""
    base: str | None = Field(
        None,
        description="the name of the `checkpoint` or `safe_clip` method whose weights it edits",
    )
    choice: ChoiceRule | None = Field(
        None, description="how its point is chosen, where that is not as for all methods"
    )
    if TYPE_CHECKING:

        @property
        def roles(self) -> PerTower[Roles]: ...

    @abstractmethod
    def request(self, tower: Tower) -> EditRequest:
        """What a tower's edits are made from: scores to select by, or moments of the pairs."""

    def selected_by(self, tower: Tower) -> Selection | None:
        """How a share of its scores is selected; None where whole layers are edited."""
        return None

    @abstractmethod
    def points(self, tower: Tower) -> Sequence[AnyPoint]:
        """Every edit to try in a tower; none where it is left alone."""

    @property
    def selects(self) -> bool:
        """Whether it selects weights or nodes, so that edits of it can be compared by these."""
        return any(self.selected_by(tower) for tower in TOWERS if self.points(tower))

    def blocks_of(self, tower: Tower) -> Blocks:
        """The blocks that may be edited."""
        return "all"

    @property
    def preserved_sets(self) -> tuple[ZeroShotSet, ...]:
        """Zero-shot sets that its edits are made to leave alone."""
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
        """Whether its edits can be made anew from a part of the captured pairs."""
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

    A list instead of one value is a grid: the point is chosen on the validation pairs.
    """

    name: Name
    alpha: MethodFactors = (-1.0,)
    roles: EditedRoles
    blocks: EditedBlocks = ALL_BLOCKS

    @property
    @abstractmethod
    def shares(self) -> Shares:
        """Under whatever key the method has them."""

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
    """Raise ValueError where scores that can be negative are to be selected by their mass."""
    if "difference" in scores and "mass" in selections:
        raise ValueError(
            "difference scores can be negative, so they have no mass; select them by `count`"
        )
