"""What a method requests of an audit's stages: scores, a selection rule, weights to load.

Code that runs a method reads these requests, never the method's class, so a new method only has to
state them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from uwm.config.backbones import BackboneConfig
from uwm.config.subset import Subset
from uwm.config.towers import GradientKind, NodeScoreKind, PerTower, Roles, Scope, ScoreKind
from uwm.config.zeroshot import ZeroShotSet
from uwm.families import Tower
from uwm.layers import LayerId
from uwm.plugins import load_plugin

if TYPE_CHECKING:
    from uwm.config.methods.safe_clip import LossWeights, LowRankTraining

Unit = Literal["weight", "node"]
"""What is scored and edited: single weights, or input nodes with all their weights."""
Rule = Literal["mass", "count", "nodes"]
"""See `uwm.method.selection`."""


Equal = Literal["number", "norm", "contribution"]
"""What a random control has in common with an edit; each value includes those before it."""


Misleading = Literal["swapped", "mispaired", "one way"]
"""How a redirection leads where it should not: half of the pairs the other way round, to the safe
sample of another pair, or all in one random direction."""


class Draw(NamedTuple):
    """How one edit of a control is made, see `uwm.method.controls` and `uwm.method.redirect`.

    Attributes:
        by: at random with this much equal, or the `largest` weights; or a redirection that leads
            where it should not.
        seed: of a random one.
    """

    by: Equal | Misleading | Literal["largest"]
    seed: int | None = None


Setting = str | int | float | bool | None


@dataclass(frozen=True)
class OwnCode:
    """A reference to code of the user's own method; its result must depend on nothing else.

    Attributes:
        reference: `path/to/file.py:NAME`, usually `f"{__file__}:NAME"`. Results are recomputed when
            that file, or a module of this project that it imports, has changed.
        settings: keyword arguments for the call.
    """

    reference: str
    settings: tuple[tuple[str, Setting], ...] = ()

    @classmethod
    def of(cls, reference: str, **settings: Setting) -> OwnCode:
        return cls(reference, tuple(sorted(settings.items())))

    def __str__(self) -> str:
        """Its name in the names of runs."""
        return self.reference.rpartition(":")[2]

    def load(self) -> Any:
        """Load the object that the reference names.

        Raises:
            PluginError: there is no such object, or its file cannot be imported.
        """
        return load_plugin(self.reference, "uwm.methods")


@dataclass(frozen=True)
class StatisticsScore:
    """Scores from the activation statistics of the calibration pairs, see `uwm.method.scoring`.

    Attributes:
        score: a built-in score, or the user's own class: it is called with a layer's weight
            (out, in) and its settings, and has `update(safe, unsafe)`, `result()` and `samples`
            like `LayerScore`.
        prior: whether scores of weights are multiplied by the weight's magnitude.
        part: which pairs to score with; None means all.
        spared: share of a layer's weights, those most salient on safe content, that score 0.
    """

    unit: Unit
    score: ScoreKind | NodeScoreKind | OwnCode
    prior: bool = False
    part: Subset | None = None
    spared: float | None = None


@dataclass(frozen=True)
class GradientScore:
    """Scores of weights from the gradients of a loss, see `uwm.method.gradients`.

    Attributes:
        batch_size: pairs per gradient.
    """

    loss: GradientKind
    batch_size: int


@dataclass(frozen=True)
class ComputedScore:
    """Scores that the user's own function computes from the inputs of a tower.

    Attributes:
        by: a function called with `backbone`, `tower`, `layers`, `inputs` (see
            `uwm.method.computed.TowerInputs`), `batch_size` (of forward passes; it must not affect
            the scores) and its settings. It returns a score per layer.
    """

    unit: Unit
    by: OwnCode


ScoreRequest = StatisticsScore | GradientScore | ComputedScore


@dataclass(frozen=True)
class PairMoments:
    """Moments of the calibration pairs at a layer's pooled token, or of their embeddings, see
    `uwm.method.redirect`.

    Attributes:
        block: the layer's: the tower's last, or by number from 0; or its final `projection`.
        words: whether generic phrases of the safe captions' words are not to move.
        phrases: further texts that are not to move.
        sets: zero-shot sets of which neither pictures nor prompts are to move.
        part: which pairs to take; all of them where it is None.
    """

    block: Literal["last", "projection"] | int
    words: bool
    phrases: tuple[str, ...] = ()
    sets: tuple[ZeroShotSet, ...] = ()
    part: Subset | None = None


@dataclass(frozen=True)
class StreamMeans:
    """Mean residual streams of the calibration pairs behind every block, see `uwm.method.ablation`.

    Attributes:
        orthogonal: whether directions leave out what lies along the safe mean.
    """

    orthogonal: bool


EditRequest = ScoreRequest | PairMoments | StreamMeans


class Selection(NamedTuple):
    """How a share of the scores is selected.

    Attributes:
        scope: whether a share is taken of each layer, or of all layers of a tower together.
    """

    rule: Rule
    scope: Scope = "block"


class EditPoint(NamedTuple):
    """One edit of a tower: the share of its scores to select, and the factor to multiply by."""

    share: float
    alpha: float


@dataclass(frozen=True)
class LayerPoints:
    """One edit of a tower with a separate share and factor for each layer.

    Attributes:
        layers: the edited layers; the others are left unchanged.
    """

    layers: Mapping[LayerId, EditPoint]


class RedirectPoint(NamedTuple):
    """One redirection of a tower, see `uwm.method.redirect.redirect_layer`."""

    strength: float
    keep: float
    ridge: float


class ProjectionPoint(NamedTuple):
    """One redirection of a tower behind its final projection, see `uwm.method.redirect`."""

    strength: float
    keep: float
    ridge: float
    push: float


class AblationPoint(NamedTuple):
    """One directional ablation of a tower, see `uwm.method.ablation.ablation`."""

    strength: float


AnyPoint = EditPoint | LayerPoints | RedirectPoint | ProjectionPoint | AblationPoint


@dataclass(frozen=True)
class WeightsFrom:
    """Weights of the same network from another place.

    Attributes:
        key: location of the entry within the method, for messages.
    """

    place: BackboneConfig
    key: tuple[str, ...]


@dataclass(frozen=True)
class TrainedWeights:
    """Low-rank factors trained on the calibration pairs, see `uwm.method.safe_clip`.

    Attributes:
        options: every training to try for each tower; if there are several, one is chosen.
    """

    options: PerTower[tuple[LowRankTraining, ...]]
    losses: PerTower[LossWeights]
    roles: PerTower[Roles]


@dataclass(frozen=True)
class Rewriting:
    """A map of embeddings, fitted on the embeddings of the calibration pairs, see
    `uwm.method.erasure`.

    Attributes:
        towers: the towers whose embeddings are rewritten, each by its own map.
        swapped: for a control, the seed for swapping labels.
    """

    by: Literal["blanking", "null_space", "leace"]
    towers: tuple[Tower, ...]
    swapped: int | None = None


WeightsRequest = WeightsFrom | TrainedWeights
