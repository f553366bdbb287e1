"""From pairs to edits in one call, by the functions that an audit's stages call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torch import Tensor

from uwm.api.closed_form import InMemory, ablated, counted_pairs, projected, redirected
from uwm.api.measuring import embed_partition
from uwm.api.pairs import Pairs
from uwm.backbones.backbone import Backbone
from uwm.chunks import chunks
from uwm.config import EditMethod, Uwm
from uwm.config.methods.requests import (
    AblationPoint,
    ComputedScore,
    EditPoint,
    GradientScore,
    LayerPoints,
    PairMoments,
    ProjectionPoint,
    RedirectPoint,
    StatisticsScore,
    StreamMeans,
    Unit,
)
from uwm.config.methods.requests import Selection as SelectedBy
from uwm.errors import InputError
from uwm.families import TOWERS, Tower
from uwm.layers import Layer, LayerId, find_layers, pick_blocks
from uwm.method.capture import capture
from uwm.method.computed import compute
from uwm.method.edit_files import read_edit, write_edit
from uwm.method.editing import Edit, make_edit
from uwm.method.gradients import GradientScore as LossGradients
from uwm.method.gradients import held_fixed
from uwm.method.scoring import scorer, usable
from uwm.method.selection import Selection, select_by_layer, select_layers
from uwm.partitions import PARTITIONS


class Edits(Mapping[Tower, Edit]):
    """A backbone's edits by tower; a tower that is left alone has none."""

    def __init__(self, edits: Mapping[Tower, Edit]) -> None:
        self._edits = dict(edits)

    def __getitem__(self, tower: Tower) -> Edit:
        return self._edits[tower]

    def __iter__(self) -> Iterator[Tower]:
        return iter(self._edits)

    def __len__(self) -> int:
        return len(self._edits)

    def __repr__(self) -> str:
        layers = {
            tower: len(edit.layers) + len(edit.added) + bool(edit.projected)
            for tower, edit in self.items()
        }
        return f"Edits({', '.join(f'{tower}: {count} layers' for tower, count in layers.items())})"

    @contextmanager
    def applied(self, backbone: Backbone) -> Iterator[None]:
        """The backbone with the edits inside the block, and bit for bit as before after it.

        Raises:
            WrongWeightsError: the edits were made for other weights, or are applied already.
        """
        with ExitStack() as stack:
            for edit in self.values():
                stack.enter_context(edit.applied(backbone.model))
            yield

    def write(self, folder: str | Path) -> None:
        """Write each tower's edit to a folder of its own in `folder`."""
        for tower, edit in self.items():
            place = Path(folder) / tower
            place.mkdir(parents=True, exist_ok=True)
            write_edit(place, edit)

    @classmethod
    def read(cls, folder: str | Path) -> Edits:
        """The edits that `write` left in `folder`.

        Raises:
            InputError: there are none.
        """
        places = {tower: Path(folder) / tower for tower in TOWERS}
        found = {tower: read_edit(place) for tower, place in places.items() if place.is_dir()}
        if not found:
            raise InputError(
                f"{folder} has no edits: a folder `image` or `text` with edit.safetensors is "
                "wanted, as `Edits.write` leaves it"
            )
        return cls(found)


def repair(
    backbone: Backbone,
    pairs: Pairs,
    method: EditMethod | None = None,
    *,
    batch_size: int = 64,
) -> Edits:
    """The edits that a method makes on a backbone, which itself stays as it is.

    Args:
        pairs: the calibration pairs.
        method: one point of a method, such as `uwm.Neurons(kind="neurons", share=0.06)`; the
            paper's UWM by default.
        batch_size: samples per forward pass; it changes memory and time only.

    Returns:
        The same edits, to the bit, that an audit makes from the same pairs.

    Raises:
        InputError: the method is a grid of points, or edits another method's weights.
        UnknownRoleError, UnknownBlockError: the backbone has no such layers.
        NonFiniteScoreError, EmptySelectionError, NoEffectError: the method finds nothing to edit.

    Example:
        >>> import uwm
        >>> backbone = uwm.load("demo:siglip")
        >>> calibration, test = uwm.Pairs.demo(limit=128), uwm.Pairs.demo("test", limit=100)
        >>> edits = uwm.repair(backbone, calibration, uwm.Neurons(kind="neurons"))
        >>> sorted(edits)
        ['image', 'text']
        >>> before = uwm.safeground(uwm.embed(backbone, test))["P_t_u"]
        >>> with edits.applied(backbone):
        ...     after = uwm.safeground(uwm.embed(backbone, test))["P_t_u"]
        >>> bool(after.sum() > before.sum())
        True
    """
    method = method or Uwm(kind="uwm")
    if method.base is not None:
        raise InputError(
            f"{method.name} edits the weights of the method {method.base}; load those weights as a "
            "backbone and leave `base` out"
        )
    if method.chooses:
        raise InputError(
            f"{method.name} is a grid of points, from which an audit chooses on validation pairs; "
            "give one share and one alpha per tower, or run `uwm audit`"
        )
    found = {}
    for tower in TOWERS:
        for point in method.points(tower):
            request, selected_by = method.request(tower), method.selected_by(tower)
            if isinstance(request, PairMoments) and isinstance(point, RedirectPoint):
                found[tower] = redirected(backbone, pairs, tower, request, point, batch_size)
            elif isinstance(request, PairMoments) and isinstance(point, ProjectionPoint):
                found[tower] = projected(backbone, pairs, tower, request, point, batch_size)
            elif isinstance(request, StreamMeans) and isinstance(point, AblationPoint):
                found[tower] = ablated(backbone, pairs, tower, method, point, batch_size)
            elif selected_by is not None and isinstance(point, EditPoint | LayerPoints):
                scores = _scores(backbone, pairs, tower, method, batch_size)
                found[tower] = _selected(backbone, tower, scores, point, selected_by)
    return Edits(found)


def _selected(
    backbone: Backbone,
    tower: Tower,
    scores: Mapping[LayerId, Tensor],
    point: EditPoint | LayerPoints,
    selected_by: SelectedBy,
) -> Edit:
    """The edit of what a point takes of the scores."""
    rule, scope = selected_by
    selection: Selection
    alpha: float | dict[LayerId, float]
    if isinstance(point, LayerPoints):
        selection, alpha = select_by_layer(rule, scores, point.layers)
    else:
        selection, alpha = select_layers(rule, scores, point.share, scope), point.alpha
    unit: Unit = "node" if rule == "nodes" else "weight"
    return make_edit(backbone.model, tower, selection, alpha, unit)


def _scores(
    backbone: Backbone, pairs: Pairs, tower: Tower, method: EditMethod, batch_size: int
) -> dict[LayerId, Tensor]:
    """What a tower's layers of the method's roles and blocks are selected by."""
    layers = find_layers(backbone.model, tower, method.roles[tower])
    edited = {layer.id for layer in pick_blocks(layers, method.blocks_of(tower))}
    match method.request(tower):
        case GradientScore() as wanted:
            scores = _by_gradients(backbone, pairs, tower, layers, wanted, batch_size)
        case ComputedScore() as wanted:
            inputs = InMemory(backbone, pairs, tower)
            scores = compute(wanted, backbone, tower, layers, inputs, batch_size)
        case StatisticsScore() as wanted:
            scores = _by_statistics(backbone, pairs, tower, layers, wanted, batch_size)
    return {id: score for id, score in scores.items() if id in edited}


def _by_statistics(
    backbone: Backbone,
    pairs: Pairs,
    tower: Tower,
    layers: Sequence[Layer],
    wanted: StatisticsScore,
    batch_size: int,
) -> dict[LayerId, Tensor]:
    scorers = {layer.id: scorer(wanted, layer.weight(backbone.model)) for layer in layers}
    counted = counted_pairs(pairs, wanted.part)
    for rows in chunks(len(pairs)):
        safe, unsafe = (
            capture(
                *(backbone, tower, layers),
                pairs[rows].inputs(backbone, tower, partition),
                batch_size,
            )
            for partition in PARTITIONS
        )
        keep = counted[rows].to(backbone.device)
        for layer in layers:
            paired = safe[layer.input].rows(keep), unsafe[layer.input].rows(keep)
            scorers[layer.id].update(*usable(*paired, backbone.device))
    return {id: scorer.result() for id, scorer in scorers.items()}


def _by_gradients(
    backbone: Backbone,
    pairs: Pairs,
    tower: Tower,
    layers: Sequence[Layer],
    wanted: GradientScore,
    batch_size: int,
) -> dict[LayerId, Tensor]:
    fixed = [
        embed_partition(backbone, pairs, whose, partition, batch_size)
        for whose, partition in held_fixed(wanted.loss, tower)
    ]
    scored = LossGradients(backbone, tower, layers, wanted.loss)
    for start in range(0, len(pairs), wanted.batch_size):
        rows = slice(start, start + wanted.batch_size)
        inputs = pairs[rows].inputs(backbone, tower, "safe")
        scored.update(inputs, *(values[rows] for values in fixed))
    return scored.result()
