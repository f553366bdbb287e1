"""The artifacts of one backbone's audit: specs out, the runs that make them submitted.

Each method works out specs and submits the run that makes them, unless that is done already in this
flow run, and answers with the specs at once. What a run waits for follows from its specs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Literal, Self

import pandas as pd

from flows.stages.submissions import Submissions
from storage.formats.cut_texts import CutTexts, read_cut_texts
from tasks.ablation import BlockMeansSpec
from tasks.artifacts import LayerScoresSpec, TowerEditSpec, TowerEmbeddingsSpec, TowerInputsSpec
from tasks.capture import StatisticsSpec
from tasks.choose import ChoiceSpec, read_choice
from tasks.computed import ComputedScoresSpec
from tasks.datasets import DataConfig, DatasetSpec, identify
from tasks.edit import ControlEditSpec, EditSpec, LayerwiseEditSpec, ScoredEditSpec
from tasks.embed import EmbeddingsSpec
from tasks.gradients import GradientScoresSpec
from tasks.inspect import InspectionSpec
from tasks.phrases import PhrasesSpec
from tasks.pixels import PixelsSpec
from tasks.pooled import PooledSpec
from tasks.rewritten import RewrittenSpec
from tasks.score import ScoresSpec
from tasks.tokens import TokensSpec, too_short
from tasks.tune import TunedSpec, TunedWeights
from uwm.backbones.backbone import Backbone
from uwm.config import (
    GradientKind,
    NodeScoreKind,
    Scope,
    ScoreKind,
    Subset,
)
from uwm.config.methods.requests import (
    ComputedScore,
    Draw,
    OwnCode,
    PairMoments,
    Rewriting,
    Rule,
    TrainedWeights,
    Unit,
)
from uwm.errors import UnknownBlockError
from uwm.families import TOWERS, Blocks, Role, Tower
from uwm.layers import LayerId, find_layers, pick_blocks
from uwm.method.gradients import held_fixed
from uwm.method.pooling import redirected_layer
from uwm.method.projection import find_projection
from uwm.wording import plural


class Stages(Submissions):
    """The artifacts of an audit, a method for each sort that depends on the backbone."""

    @property
    def digests(self) -> dict[Tower, str]:
        """What the towers' weights are."""
        return {tower: self._backbone.tower_digest(tower) for tower in TOWERS}

    def on(self, change: Callable[[Backbone], Backbone], label: str) -> Self:
        """The same stages with the backbone's variant by `change`; runs and artifacts are shared.

        Args:
            label: what the variant is called in the names of runs.
        """
        return self._with(self._backbone.variant(change), label)

    def on_trained(self, specs: Sequence[TunedSpec], label: str) -> Self:
        """As `on`, with what trainings made; waits until they are done."""
        self.wait()
        return self.on(TunedWeights(self.store.url, tuple(map(str, specs))), label)

    def _with(self, backbone: Backbone, label: str) -> Self:
        other = copy(self)
        other._backbone, other._label = backbone, label
        return other

    def datasets(self, configs: Sequence[DataConfig]) -> list[DatasetSpec]:
        """Rows, texts and picture references of each data set."""
        specs = [identify(config, self._seed)[1] for config in configs]
        self.make(specs, "data sets")
        return specs

    def pixels(self, datasets: Sequence[DatasetSpec]) -> list[PixelsSpec]:
        """Pixels of each data set in this backbone's geometry."""
        geometry = self._backbone.geometry
        specs = [PixelsSpec(dataset=dataset, geometry=geometry) for dataset in datasets]
        self.make(specs, str(geometry))
        return specs

    def tokens(self, datasets: Sequence[DatasetSpec]) -> list[TokensSpec]:
        """Token ids of each data set by this backbone's tokenizer."""
        tokenizer = self._backbone.tokenizer_digest
        specs = [TokensSpec(dataset=dataset, tokenizer=tokenizer) for dataset in datasets]
        self.make(specs, "texts")
        return specs

    def short_texts(self, tokens: TokensSpec) -> list[int]:
        """Rows with a text of fewer than two real tokens; waits until they are tokenized."""
        self.read(tokens)
        return [int(row) for row in too_short(self.store, tokens, self._backbone).nonzero()[0]]

    def cut_texts(self, tokens: TokensSpec) -> CutTexts:
        """What this backbone's tokenizer does not read whole; waits until it has."""
        return read_cut_texts(self.read(tokens))

    def statistics(
        self, tower: Tower, roles: Sequence[Role], data: TowerInputsSpec
    ) -> list[StatisticsSpec]:
        """Activation statistics of every input that `roles` read, on calibration data.

        Those that are missing are captured in one pass.
        """
        specs = StatisticsSpec.of(self._backbone, tower, roles, data)
        self.make(specs, tower)
        return specs

    def scores(
        self,
        statistics: Sequence[StatisticsSpec],
        unit: Unit,
        kind: ScoreKind | NodeScoreKind | OwnCode,
        roles: Sequence[Role],
        *,
        prior: bool = False,
        part: tuple[DatasetSpec, Subset] | None = None,
        spared: float | None = None,
    ) -> ScoresSpec:
        """Scores of one tower's layers, by all of the calibration set or a part of it."""
        spec = ScoresSpec.of(statistics, unit, kind, roles, prior, part, spared)
        what = f"{spec.tower} · {unit} · {kind}" + (f" · {part[1]}" if part else "")
        self.make([spec], what)
        return spec

    def gradient_scores(
        self,
        kind: GradientKind,
        tower: Tower,
        roles: Sequence[Role],
        data: Mapping[Tower, TowerInputsSpec],
        batch_size: int,
    ) -> GradientScoresSpec:
        """Scores of one tower's layers by gradients over what both towers read of the pairs."""
        embeddings = {
            whose: self.embeddings(whose, None, [data[whose]])[0]
            for whose, _ in held_fixed(kind, tower)
        }
        spec = GradientScoresSpec.of(
            self._backbone, tower, kind, roles, data[tower], embeddings, batch_size
        )
        self.make([spec], f"{tower} · {kind}")
        return spec

    def computed_scores(
        self, wanted: ComputedScore, tower: Tower, roles: Sequence[Role], data: TowerInputsSpec
    ) -> ComputedScoresSpec:
        """Scores of one tower's layers by a function of one's own."""
        spec = ComputedScoresSpec.of(self._backbone, wanted, tower, roles, data)
        self.make([spec], f"{tower} · {wanted.by}")
        return spec

    def blocks(self, tower: Tower, roles: Sequence[Role], blocks: Blocks) -> list[int] | None:
        """The numbers of a tower's `blocks`, None for all.

        Raises:
            UnknownBlockError: the tower has no such block.
        """
        if blocks == "all":
            return None
        layers = find_layers(self._backbone.model, tower, roles)
        return sorted({layer.id.block for layer in pick_blocks(layers, blocks)})

    def edits(
        self,
        scores: LayerScoresSpec,
        rule: Rule,
        points: Iterable[tuple[float, float]],
        scope: Scope = "block",
        blocks: Sequence[int] | None = None,
    ) -> list[EditSpec]:
        """Edits of one tower, one per (share, alpha)."""
        specs = [
            EditSpec(scores=scores, rule=rule, share=share, alpha=alpha, scope=scope, blocks=blocks)
            for share, alpha in points
        ]
        what = f"{scores.tower} · {rule} · {plural(len(specs), 'point')}"
        if isinstance(scores, ScoresSpec) and scores.subset:
            what += f" · {scores.subset}"
        self.make(specs, what)
        return specs

    def layerwise_edits(
        self,
        scores: LayerScoresSpec,
        rule: Rule,
        settings: Sequence[Mapping[LayerId, tuple[float, float]]],
    ) -> list[LayerwiseEditSpec]:
        """Edits of one tower, one per mapping of layers to (share, alpha).

        Raises:
            UnknownBlockError: the tower has no such layer.
        """
        found = find_layers(self._backbone.model, scores.tower, scores.roles)
        there = [layer.id for layer in found]
        if unknown := sorted({id for layers in settings for id in layers} - {*there}):
            raise UnknownBlockError(
                f"the layers of {self.name} in those roles are {', '.join(map(str, there))}; "
                f"got {', '.join(map(str, unknown))}"
            )
        specs = [LayerwiseEditSpec(scores=scores, rule=rule, layers=layers) for layers in settings]
        self.make(specs, f"{scores.tower} · {rule} · {plural(len(specs), 'layerwise point')}")
        return specs

    def seeded(self, draws: Sequence[Draw]) -> list[Draw]:
        """Draws of this audit, whose own seed shifts those of random ones."""
        return [
            draw if draw.seed is None else draw._replace(seed=self._seed + draw.seed)
            for draw in draws
        ]

    def random_edits(self, like: ScoredEditSpec, seeds: int) -> list[ControlEditSpec]:
        """Random edits with the number of weights of another one, one per seed."""
        return self.control_edits(like, [Draw("number", seed) for seed in range(seeds)])

    def control_edits(
        self,
        like: ScoredEditSpec,
        draws: Sequence[Draw],
        statistics: Sequence[StatisticsSpec] = (),
    ) -> list[ControlEditSpec]:
        """Controls of an edit, one per draw; those of equal contribution by these statistics."""
        specs = [
            ControlEditSpec(
                like=like,
                draw=draw,
                statistics=statistics if draw.by == "contribution" else (),
            )
            for draw in self.seeded(draws)
        ]
        self.make(specs, f"{like.tower} · controls of {like.digest[:8]}")
        return specs

    def pooled(
        self, tower: Tower, block: Literal["last"] | int, data: TowerInputsSpec, what: str
    ) -> PooledSpec:
        """One layer at the pooled token of each input, and the stream behind it.

        Args:
            what: the data are, for the name of the run.

        Raises:
            UnknownBlockError: the tower has no such block.
        """
        layer = redirected_layer(self._backbone.model, tower, block)
        spec = PooledSpec.of(self._backbone, layer, data)
        self.make([spec], f"{layer.id} · {what}")
        return spec

    def check_projection(self, tower: Tower) -> None:
        """Raise UnsupportedFamilyError where a tower has no final projection that is known."""
        find_projection(self._backbone.model, tower)

    def block_means(self, tower: Tower, data: TowerInputsSpec) -> BlockMeansSpec:
        """The mean stream behind every block, over calibration data."""
        spec = BlockMeansSpec.of(self._backbone, tower, data)
        self.make([spec], tower)
        return spec

    def phrases(self, dataset: DatasetSpec, wanted: PairMoments) -> PhrasesSpec:
        """Token ids of the phrases that are not to move."""
        spec = PhrasesSpec.of(
            dataset, self._backbone.tokenizer_digest, wanted.phrases, words=wanted.words
        )
        self.make([spec], "phrases")
        return spec

    def embeddings(
        self, tower: Tower, edited: TowerEditSpec | None, data: Sequence[TowerInputsSpec]
    ) -> list[EmbeddingsSpec]:
        """Embeddings of each data set by one tower with one edit, or none."""
        specs = [EmbeddingsSpec.of(self._backbone, tower, edited, read) for read in data]
        unedited = "unedited" if self._label else "original"
        self.make(specs, f"{tower} · {edited.digest[:8] if edited else unedited}")
        return specs

    def rewritten(
        self,
        wanted: Rewriting,
        tower: Tower,
        embedded: Sequence[TowerEmbeddingsSpec],
        data: TowerInputsSpec,
    ) -> list[RewrittenSpec]:
        """A tower's embeddings as a map rewrites them that is fitted on calibration data."""
        (calibration,) = self.embeddings(tower, None, [data])
        specs = [RewrittenSpec.of(wanted, found, calibration) for found in embedded]
        self.make(specs, f"{tower} · {wanted.by}")
        return specs

    def trainings(
        self, name: str, wanted: TrainedWeights, data: Mapping[Tower, TowerInputsSpec]
    ) -> dict[Tower, list[TunedSpec]]:
        """Every training on calibration data of each tower that the method `name` asks for."""
        embedded = {tower: self.embeddings(tower, None, [data[tower]])[0] for tower in TOWERS}
        found: dict[Tower, list[TunedSpec]] = {}
        for tower in TOWERS:
            found[tower] = [
                TunedSpec.of(self._backbone, tower, wanted, training, data[tower], embedded)
                for training in wanted.options[tower]
            ]
            for spec in found[tower]:
                rate = f" · rate {spec.training.learning_rate:g}" * (len(found[tower]) > 1)
                self.make([spec], f"{tower} · {name}{rate}")
        return found

    def chosen(self, choice: ChoiceSpec) -> pd.DataFrame:
        """The table of a choice, see `tasks.choose.read_choice`; waits until it is made."""
        self.read(choice)
        return read_choice(self.store, choice)

    def inspection(
        self, statistics: Sequence[StatisticsSpec], scores: Sequence[ScoresSpec]
    ) -> InspectionSpec:
        """What one tower's scores look like, and whether unsafe samples score higher."""
        spec = InspectionSpec(statistics=statistics, scores=scores, seed=self._seed)
        self.make([spec], spec.tower)
        return spec
