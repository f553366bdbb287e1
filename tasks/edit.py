"""Mask selection and the edit it makes, or a random one of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from storage.code import code_digest
from storage.edits import read_edit, write_edit
from storage.scores import read_scores
from storage.store import Spec, Store
from tasks.score import ScoresSpec
from tasks.stage import stage
from uwm.backbone import Backbone
from uwm.editing import make_edit
from uwm.layers import Tower
from uwm.selection import Rule, select, select_like


class EditSpec(Spec):
    """What share of which scores to select, and the factor to multiply by."""

    kind: ClassVar[str] = "edits"
    tower: Tower
    scores: str
    rule: Rule
    share: float
    alpha: float

    @classmethod
    def of(cls, scores: ScoresSpec, rule: Rule, share: float, alpha: float) -> EditSpec:
        return cls(
            code=code_digest(__name__, "storage.edits"),
            tower=scores.tower,
            scores=scores.digest,
            rule=rule,
            share=share,
            alpha=alpha,
        )


class RandomEditSpec(Spec):
    """As many weights (or nodes) per layer as edit `like`, drawn at random."""

    kind: ClassVar[str] = "edits"
    tower: Tower
    like: str
    seed: int

    @classmethod
    def of(cls, like: EditSpec, seed: int) -> RandomEditSpec:
        return cls(
            code=code_digest(__name__, "storage.edits"),
            tower=like.tower,
            like=like.digest,
            seed=seed,
        )


@stage
def edit(specs: Sequence[EditSpec | RandomEditSpec], store: Store, backbone: Backbone) -> None:
    """Select by score (or at random) and write the edit."""
    for spec in specs:

        def build(folder: Path) -> None:
            if isinstance(spec, EditSpec):
                scores, _ = read_scores(store.path("scores", spec.scores))
                selection = {
                    id: select(spec.rule, found, spec.share) for id, found in scores.items()
                }
                alpha = spec.alpha
                unit: Literal["node", "weight"] = "node" if spec.rule == "nodes" else "weight"
            else:
                like = read_edit(store.path("edits", spec.like))
                selection = select_like(like, backbone.model, spec.seed)
                (alpha,) = {layer.alpha for layer in like.layers.values()}
                (unit,) = {layer.unit for layer in like.layers.values()}
            made = make_edit(backbone.model, spec.tower, selection, alpha, unit)
            write_edit(folder, made, {"spec": spec.model_dump_json()})

        with backbone.locks[spec.tower]:
            store.make(spec, build)
