"""What a method asks of an audit's stages: scores to select by, how to select, weights to load.

Whatever runs a method reads these, never the method's class; so a new method is one more class
that states them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from uwm.config.backbones import BackboneConfig
from uwm.config.subset import Subset
from uwm.config.towers import GradientKind, NodeScoreKind, PerTower, Roles, Scope, ScoreKind
from uwm.layers import LayerId

if TYPE_CHECKING:
    from uwm.config.methods.safe_clip import LossWeights, LowRankTraining

Unit = Literal["weight", "node"]
"""What is scored and edited: single weights, or input nodes with all their weights."""
Rule = Literal["mass", "count", "nodes"]
"""See `uwm.method.selection`."""


@dataclass(frozen=True)
class StatisticsScore:
    """Scores from the activation statistics of the calibration pairs, see `uwm.method.scoring`.

    Attributes:
        prior: whether scores of weights are multiplied by the weight's magnitude.
        part: which pairs to score with; all of them where it is None.
    """

    unit: Unit
    score: ScoreKind | NodeScoreKind
    prior: bool = False
    part: Subset | None = None


@dataclass(frozen=True)
class GradientScore:
    """Scores of weights from the gradients of a loss, see `uwm.method.gradients`.

    Attributes:
        batch_size: pairs per gradient.
    """

    loss: GradientKind
    batch_size: int


ScoreRequest = StatisticsScore | GradientScore


class Selection(NamedTuple):
    """How a share of the scores is selected.

    Attributes:
        scope: whether a share is of every layer, or of a tower's layers together.
    """

    rule: Rule
    scope: Scope = "block"


class EditPoint(NamedTuple):
    """One edit of a tower: the share of its scores to select, and the factor to multiply by."""

    share: float
    alpha: float


@dataclass(frozen=True)
class LayerPoints:
    """One edit of a tower with a share and a factor for every layer by itself.

    Attributes:
        layers: a layer that is not named stays as it is.
    """

    layers: Mapping[LayerId, EditPoint]


@dataclass(frozen=True)
class WeightsFrom:
    """Weights of the same network from another place.

    Attributes:
        key: where the entry stands below the method, for messages.
    """

    place: BackboneConfig
    key: tuple[str, ...]


@dataclass(frozen=True)
class TrainedWeights:
    """Low-rank factors trained on the calibration pairs, see `uwm.method.safe_clip`."""

    options: LowRankTraining
    losses: PerTower[LossWeights]
    roles: PerTower[Roles]


WeightsRequest = WeightsFrom | TrainedWeights
