"""The stages of one backbone's audit: specs out, runs submitted, edges kept.

Each method works out a stage's spec, submits the run that makes its artifact unless that is done
already in this flow run, and answers with the spec at once. Runs wait for the runs that they need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Literal, Self

import pandas as pd

from flows.stages.data import DataConfig, identify
from flows.stages.inputs import AnyEditSpec
from flows.stages.submissions import Submissions
from storage.formats.cut_texts import CutTexts, read_cut_texts
from storage.store.spec import Spec
from tasks.ablation import BlockMeansSpec, average_streams
from tasks.capture import StatisticsSpec, capture_statistics
from tasks.choose import ChoiceSpec, choose, read_choice
from tasks.computed import ComputedScoresSpec, compute_scores
from tasks.datasets import DatasetSpec, ingest
from tasks.drift import AgreementSpec, agree
from tasks.edit import (
    ControlEditSpec,
    EditSpec,
    LayerwiseEditSpec,
    ScoredEditSpec,
    edit,
)
from tasks.embed import EmbeddingsSpec, embed
from tasks.evaluate import KnowledgeSpec, SafetySpec, evaluate
from tasks.gradients import GradientScoresSpec, score_gradients
from tasks.held_out import HeldOutSpec, hold_out
from tasks.inspect import InspectionSpec, inspect_scores
from tasks.metrics import MetricPlugin
from tasks.phrases import PhrasesSpec
from tasks.pixels import PixelsSpec, decode_pixels
from tasks.pooled import PooledSpec, pool
from tasks.rewritten import RewrittenSpec, rewrite
from tasks.score import ScoresSpec, score
from tasks.sweep import GridSpec, measure_grid
from tasks.tokens import TokensSpec, tokenize, too_short
from tasks.tune import TunedSpec, TunedWeights, tune
from uwm.backbones.backbone import Backbone
from uwm.config import (
    ChoiceRule,
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
from uwm.wording import plural

AnyScores = ScoresSpec | GradientScoresSpec | ComputedScoresSpec


class Stages(Submissions):
    """The stages of an audit, a method each."""

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
        found = [identify(config, self._seed) for config in configs]
        specs = [spec for _, spec in found]
        self._submit(ingest, specs, [source for source, _ in found], what="data sets")
        return specs

    def pixels(
        self, configs: Sequence[DataConfig], datasets: Sequence[DatasetSpec]
    ) -> list[PixelsSpec]:
        """Pixels of each data set in this backbone's geometry."""
        geometry = self._backbone.geometry
        specs = [PixelsSpec.of(dataset, geometry) for dataset in datasets]
        sources = [identify(config, self._seed)[0] for config in configs]
        self._samples |= {
            spec.digest: len(source.images) for spec, source in zip(specs, sources, strict=True)
        }
        self._submit(decode_pixels, specs, sources, what=str(geometry), needs=datasets)
        return specs

    def tokens(
        self, configs: Sequence[DataConfig], datasets: Sequence[DatasetSpec]
    ) -> list[TokensSpec]:
        """Token ids of each data set by this backbone's tokenizer."""
        specs = [TokensSpec.of(dataset, self._backbone) for dataset in datasets]
        sources = [identify(config, self._seed)[0] for config in configs]
        self._samples |= {
            spec.digest: len(source.texts) for spec, source in zip(specs, sources, strict=True)
        }
        self._submit(tokenize, specs, self._backbone, what="texts", needs=datasets)
        return specs

    def short_texts(self, tokens: TokensSpec) -> list[int]:
        """Rows with a text of fewer than two real tokens; waits until they are tokenized."""
        self._runs[tokens.digest].result()
        return [int(row) for row in too_short(self.store, tokens, self._backbone).nonzero()[0]]

    def cut_texts(self, tokens: TokensSpec) -> CutTexts:
        """What this backbone's tokenizer does not read whole; waits until it has."""
        self._runs[tokens.digest].result()
        return read_cut_texts(self.store.path(tokens.kind, tokens.digest))

    def statistics(self, tower: Tower, roles: Sequence[Role], inputs: Spec) -> list[StatisticsSpec]:
        """Activation statistics of every input that `roles` read, on calibration inputs.

        Those that are missing are captured in one pass.
        """
        specs = StatisticsSpec.of(self._backbone, tower, roles, inputs)
        return self._submit_samples(capture_statistics, specs, what=tower, needs=[inputs])

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
        self._submit(
            score, [spec], self._backbone, what=what, needs=[*statistics, *(part or ())[:1]]
        )
        return spec

    def gradient_scores(
        self,
        kind: GradientKind,
        tower: Tower,
        roles: Sequence[Role],
        inputs: Mapping[Tower, Spec],
        batch_size: int,
    ) -> GradientScoresSpec:
        """Scores of one tower's layers by gradients over what both towers read of the pairs."""
        embeddings = {
            whose: self.embeddings(whose, None, [inputs[whose]])[0]
            for whose, _ in held_fixed(kind, tower)
        }
        spec = GradientScoresSpec.of(
            self._backbone, tower, kind, roles, inputs[tower], embeddings, batch_size
        )
        what, needs = f"{tower} · {kind}", [inputs[tower], *embeddings.values()]
        self._submit(score_gradients, [spec], self._backbone, what=what, needs=needs)
        return spec

    def computed_scores(
        self, wanted: ComputedScore, tower: Tower, roles: Sequence[Role], inputs: Spec
    ) -> ComputedScoresSpec:
        """Scores of one tower's layers by a function of one's own."""
        spec = ComputedScoresSpec.of(self._backbone, wanted, tower, roles, inputs)
        arguments = self._backbone, self._batch_size
        what = f"{tower} · {wanted.by}"
        self._submit(compute_scores, [spec], *arguments, what=what, needs=[inputs])
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
        scores: AnyScores,
        rule: Rule,
        points: Iterable[tuple[float, float]],
        scope: Scope = "block",
        blocks: Sequence[int] | None = None,
    ) -> list[EditSpec]:
        """Edits of one tower, one per (share, alpha)."""
        specs = [EditSpec.of(scores, rule, *point, scope, blocks) for point in points]
        what = f"{scores.tower} · {rule} · {plural(len(specs), 'point')}"
        if isinstance(scores, ScoresSpec) and scores.subset:
            what += f" · {scores.subset}"
        self._submit(edit, specs, self._backbone, what=what, needs=[scores])
        return specs

    def layerwise_edits(
        self,
        scores: AnyScores,
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
        specs = [LayerwiseEditSpec.of(scores, rule, layers) for layers in settings]
        what = f"{scores.tower} · {rule} · {plural(len(specs), 'layerwise point')}"
        self._submit(edit, specs, self._backbone, what=what, needs=[scores])
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
        specs = [ControlEditSpec.of(like, draw, statistics) for draw in self.seeded(draws)]
        what = f"{like.tower} · controls of {like.digest[:8]}"
        self._submit(edit, specs, self._backbone, what=what, needs=[like, *statistics])
        return specs

    def pooled(
        self, tower: Tower, block: Literal["last"] | int, inputs: Spec, what: str
    ) -> PooledSpec:
        """One layer at the pooled token of each input, and the stream behind it.

        Args:
            what: the inputs are, for the name of the run.

        Raises:
            UnknownBlockError: the tower has no such block.
        """
        layer = redirected_layer(self._backbone.model, tower, block)
        spec = PooledSpec.of(self._backbone, layer, inputs)
        if inputs.digest not in self._samples:  # phrases: few, and how many is not known yet
            self._samples[inputs.digest] = 0
        return self._submit_samples(pool, [spec], what=f"{layer.id} · {what}", needs=[inputs])[0]

    def block_means(self, tower: Tower, inputs: Spec) -> BlockMeansSpec:
        """The mean stream behind every block, over calibration inputs."""
        spec = BlockMeansSpec.of(self._backbone, tower, inputs)
        arguments = self._backbone, self._batch_size
        self._submit(average_streams, [spec], *arguments, what=tower, needs=[inputs])
        return spec

    def phrases(self, dataset: DatasetSpec, wanted: PairMoments) -> PhrasesSpec:
        """Token ids of the phrases that are not to move."""
        spec = PhrasesSpec(
            dataset=dataset,
            tokenizer=self._backbone.tokenizer_digest,
            words=wanted.words,
            phrases=wanted.phrases,
        )
        self.make([spec], "phrases")
        return spec

    def embeddings(
        self, tower: Tower, edited: AnyEditSpec | None, inputs: Sequence[Spec]
    ) -> list[EmbeddingsSpec]:
        """Embeddings of each data set's inputs by one tower with one edit, or none."""
        specs = [EmbeddingsSpec.of(self._backbone, tower, edited, data) for data in inputs]
        unedited = "unedited" if self._label else "original"
        what = f"{tower} · {edited.digest[:8] if edited else unedited}"
        needs = [*inputs, *([edited] if edited else [])]
        return self._submit_samples(embed, specs, what=what, needs=needs)

    def rewritten(
        self, wanted: Rewriting, tower: Tower, embedded: Sequence[Spec], inputs: Spec
    ) -> list[RewrittenSpec]:
        """A tower's embeddings as a map rewrites them that is fitted on calibration inputs."""
        (calibration,) = self.embeddings(tower, None, [inputs])
        specs = [RewrittenSpec.of(wanted, found, calibration) for found in embedded]
        what = f"{tower} · {wanted.by}"
        self._submit(rewrite, specs, what=what, needs=[*embedded, calibration])
        return specs

    def trainings(
        self, name: str, wanted: TrainedWeights, inputs: Mapping[Tower, Spec]
    ) -> dict[Tower, list[TunedSpec]]:
        """Every training on calibration inputs of each tower that the method `name` asks for."""
        embedded = {tower: self.embeddings(tower, None, [inputs[tower]])[0] for tower in TOWERS}
        found: dict[Tower, list[TunedSpec]] = {}
        for tower in TOWERS:
            reads = inputs[tower]
            found[tower] = [
                TunedSpec.of(self._backbone, tower, wanted, training, reads, embedded)
                for training in wanted.options[tower]
            ]
            for spec in found[tower]:
                what, needs = f"{tower} · {name}", [reads, *embedded.values()]
                if len(found[tower]) > 1:
                    what += f" · rate {spec.training.learning_rate:g}"
                self._submit(tune, [spec], self._backbone, what=what, needs=needs)
        return found

    def choice(
        self,
        pairs: Spec,
        candidates: Sequence[tuple[Spec, Spec]],
        rule: ChoiceRule,
        method: str,
        metrics: Sequence[MetricPlugin] = (),
    ) -> ChoiceSpec:
        """The choice among candidates on the embeddings of validation pairs."""
        spec = ChoiceSpec.of(pairs, candidates, rule, metrics)
        needs = [pairs, *(found for pair in candidates for found in pair)]
        self._submit(choose, [spec], what=method, needs=needs)
        return spec

    def chosen(self, choice: ChoiceSpec) -> pd.DataFrame:
        """The table of a choice, see `tasks.choose.read_choice`; waits until it is made."""
        self.wait()
        return read_choice(self.store, choice)

    def evaluation(
        self, specs: Sequence[SafetySpec | KnowledgeSpec], method: str, needs: Sequence[Spec]
    ) -> None:
        """The evaluation of one method on every benchmark."""
        self._submit(evaluate, specs, what=method, needs=needs)

    def grid(self, spec: GridSpec, number: int, needs: Sequence[Spec]) -> None:
        """A row of a sweep's grid, measured."""
        self._submit(measure_grid, [spec], what=f"row {number}", needs=needs)

    def held_out(self, spec: HeldOutSpec, method: str, needs: Sequence[Spec]) -> None:
        """What becomes of the concepts that edits of a method were made without."""
        self._submit(hold_out, [spec], what=method, needs=needs)

    def agreement(self, spec: AgreementSpec, method: str, needs: Sequence[Spec]) -> None:
        """How far edits of one tower agree that were made from parts of the calibration set."""
        self._submit(agree, [spec], self._backbone, what=f"{spec.tower} · {method}", needs=needs)

    def inspection(
        self, statistics: Sequence[StatisticsSpec], scores: Sequence[ScoresSpec]
    ) -> InspectionSpec:
        """What one tower's scores look like, and whether unsafe samples score higher."""
        spec = InspectionSpec.of(statistics, scores, self._seed)
        needs = [*statistics, *scores]
        self._submit(inspect_scores, [spec], self._backbone, what=spec.tower, needs=needs)
        return spec
