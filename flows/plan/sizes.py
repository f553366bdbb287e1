"""What each artifact costs, from the shapes that the code will write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from flows.stages.stages import AnyScores
from storage.files.pictures import decode
from storage.formats.datasets import write_dataset
from storage.formats.pooled import pooled_fields
from storage.formats.samples import Field, SampleArrays
from storage.formats.statistics import statistics_fields
from storage.sources import Source
from storage.store.integrity import size
from storage.store.spec import Spec
from tasks.ablation import BlockMeansSpec
from tasks.capture import StatisticsSpec, input_widths
from tasks.computed import ComputedScoresSpec
from tasks.cost import FREE, Cost
from tasks.datasets import DatasetSpec, dataset_of
from tasks.edit import ControlEditSpec, EditSpec, LayerwiseEditSpec, ScoredEditSpec
from tasks.embed import EmbeddingsSpec, embedding_field
from tasks.gradients import GradientScoresSpec
from tasks.phrases import PhrasesSpec
from tasks.pixels import PixelsSpec, pixel_field
from tasks.pooled import PooledSpec
from tasks.redirect import RedirectSpec
from tasks.rewritten import RewrittenSpec
from tasks.score import ScoresSpec
from tasks.stage import stage_of
from tasks.tokens import TokensSpec, token_field
from tasks.tune import TunedSpec
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, PixelTransform
from uwm.chunks import CHUNK
from uwm.layers import find_layers
from uwm.method.phrases import preserved_phrases

_PROBED = 32
"""Pictures that are decoded to learn how well their pixels compress."""


class Sizes:
    """Costs of one backbone's artifacts, asked for in the order in which they are made."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._parts: dict[str, list[int]] = {}  # rows of each partition, by digest
        self._sources: dict[str, Source] = {}
        self._edits: dict[str, Cost] = {}
        self._embeddings: dict[str, Cost] = {}
        self._scores: dict[str, AnyScores] = {}

    def cost(self, spec: Spec, position: int, arguments: Sequence[Any]) -> Cost:
        """The cost of a stage's artifact at `position`, the stage's arguments being known."""
        backbone = self._backbone
        match spec:
            case DatasetSpec():
                source = self._sources[spec.digest] = arguments[0][position]
                return Cost(partial(_dataset_bytes, source), len(source.rows))
            case PixelsSpec():
                source = self._sources[spec.dataset]
                parts = self._parts[spec.digest] = _parts(source.images)
                per_picture = partial(_picture_bytes, source, spec.geometry)
                return Cost(lambda: round(sum(parts) * per_picture()), sum(parts))
            case TokensSpec():
                parts = self._parts[spec.digest] = _parts(self._sources[spec.dataset].texts)
                return Cost(lambda: _bytes([token_field(backbone)], parts), sum(parts))
            case PhrasesSpec():
                captions = self._sources[spec.dataset.digest].texts["safe"]
                phrases = preserved_phrases(captions, spec.phrases, words=spec.words)
                parts = self._parts[spec.digest] = [len(phrases)]
                return Cost(lambda: _bytes([token_field(backbone)], parts), sum(parts))
            case StatisticsSpec() | EmbeddingsSpec() | PooledSpec() if spec.shards:
                return FREE  # a list of names
            case StatisticsSpec():
                widths = input_widths(backbone, spec.layers(backbone))
                fields = list(statistics_fields(widths).values())
                parts = self._rows(spec)
                # A row of statistics holds both partitions. One pass serves all inputs of a tower.
                one = (spec.tower, spec.weights, spec.data, spec.rows)
                return Cost(lambda: _bytes(fields, parts[:1]), sum(parts), spec.tower, one)
            case ScoresSpec():
                self._scores[spec.digest] = spec
                return Cost(lambda: self._score_bytes(spec))
            case GradientScoresSpec():
                self._scores[spec.digest] = spec
                samples = self._parts[spec.data][0]  # the safe partition
                return Cost(lambda: self._score_bytes(spec), samples, spec.tower)
            case ComputedScoresSpec():
                self._scores[spec.digest] = spec
                samples = sum(self._parts[spec.data])
                return Cost(lambda: self._score_bytes(spec), samples, spec.tower)
            case EditSpec() | LayerwiseEditSpec():
                found = self._edits[spec.digest] = Cost(lambda: self._edit_bytes(spec))
                return found
            case ControlEditSpec():
                return self._edits[spec.like]
            case EmbeddingsSpec():
                parts = self._rows(spec)
                fields = [embedding_field(backbone)]
                found = Cost(lambda: _bytes(fields, parts), sum(parts), spec.tower)
                self._embeddings[spec.digest] = Cost(found.measure)
                return found
            case PooledSpec():
                parts = self._rows(spec)
                layers = find_layers(backbone.model, spec.tower, ["fc2"])
                layer = next(layer for layer in layers if str(layer.id) == spec.layer)
                outputs, nodes = layer.weight(backbone.model).shape
                fields = list(pooled_fields([""], nodes, outputs).values())
                # One sample more is run twice, to see that the layer is added to the stream.
                return Cost(lambda: _bytes(fields, parts), sum(parts) + 2, spec.tower)
            case RedirectSpec():
                weight = find_layers(backbone.model, spec.tower, ["fc2"])[0].weight(backbone.model)
                # At most: the weight in float32, and factors of full rank in float64.
                outputs, nodes = weight.shape
                return Cost(lambda: 4 * outputs * nodes + 8 * outputs * (outputs + nodes))
            case BlockMeansSpec():
                return Cost(samples=sum(self._parts[spec.data]), tower=spec.tower)
            case RewrittenSpec():
                return self._embeddings.get(spec.embeddings, FREE)  # of shards
            case TunedSpec():
                samples = spec.training.epochs * sum(self._parts[spec.data])
                return Cost(lambda: self._factor_bytes(spec), samples, spec.tower)
        return stage_of(spec).cost(spec, backbone)

    def _rows(self, spec: StatisticsSpec | EmbeddingsSpec | PooledSpec) -> list[int]:
        """Of each partition, those that the artifact is made of."""
        parts = self._parts[spec.data]
        held = spec.part(parts[0])
        return [held.stop - held.start] * len(parts)

    def _score_bytes(self, spec: AnyScores) -> int:
        return 4 * sum(math.prod(shape) for shape in self._shapes(spec))

    def _shapes(self, scores: AnyScores) -> list[tuple[int, ...]]:
        layers = find_layers(self._backbone.model, scores.tower, scores.roles)
        shapes = [tuple(layer.weight(self._backbone.model).shape) for layer in layers]
        return [shape[1:] for shape in shapes] if scores.unit == "node" else shapes

    def _edit_bytes(self, spec: ScoredEditSpec) -> int:
        """At most: the smallest set with a share of the score has at most that share of weights."""
        shapes = self._shapes(self._scores[spec.scores])
        if isinstance(spec, EditSpec):
            return 8 * sum(max(1, math.ceil(spec.share * math.prod(shape))) for shape in shapes)
        largest = max(math.prod(shape) for shape in shapes)
        return 8 * sum(max(1, math.ceil(share * largest)) for _, share, _ in spec.layers)

    def _factor_bytes(self, spec: TunedSpec) -> int:
        layers = find_layers(self._backbone.model, spec.tower, spec.roles)
        shapes = [layer.weight(self._backbone.model).shape for layer in layers]
        return 4 * spec.training.rank * sum(sum(shape) for shape in shapes)


def _parts(table: pd.DataFrame) -> list[int]:
    return [len(table)] * table.shape[1]


def _bytes(fields: Sequence[Field], parts: Sequence[int]) -> int:
    return sum(field.stored_bytes(samples, CHUNK) for field in fields for samples in parts)


def _dataset_bytes(source: Source) -> int:
    with TemporaryDirectory() as folder:
        write_dataset(Path(folder), dataset_of(source))
        return size(Path(folder))


def _picture_bytes(source: Source, geometry: Geometry) -> float:
    """Bytes per picture once compressed, from pictures spread over the set."""
    references = source.images.to_numpy().reshape(-1, order="F")
    places = np.unique(np.linspace(0, len(references) - 1, _PROBED).round().astype(int))
    transform = PixelTransform(geometry)
    pixels = np.stack(
        [transform(decode(source.read(name), name)) for name in references[places].tolist()]
    )
    with TemporaryDirectory() as name:
        folder = Path(name)
        fields = {"pixels": pixel_field(geometry)}
        arrays = SampleArrays.create(folder, len(pixels), len(pixels), fields)
        empty = size(folder)
        arrays.write(slice(0, len(pixels)), {"pixels": pixels})
        return (size(folder) - empty) / len(pixels)
