"""What each artifact costs, from the shapes that the code will write."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from storage.datasets import write_dataset
from storage.pictures import decode
from storage.samples import SampleArrays
from storage.sources import Source
from storage.statistics import statistics_fields
from storage.store import Spec, size
from tasks.capture import StatisticsSpec, input_widths
from tasks.datasets import DatasetSpec
from tasks.edit import EditSpec, RandomEditSpec
from tasks.embed import EmbeddingsSpec, embedding_field
from tasks.inputs import PixelsSpec, TokensSpec, pixel_field, token_field
from tasks.score import ScoresSpec
from uwm.backbone import Backbone
from uwm.geometry import Geometry, PixelTransform
from uwm.layers import Tower, find_layers

_PROBED = 32
"""Pictures that are decoded to learn how well their pixels compress."""


@dataclass(frozen=True)
class Cost:
    """What one artifact costs.

    Attributes:
        measure: bytes to write, worked out when asked for.
        samples: rows of data behind it, partitions counted apart.
        tower: the tower that all samples run through, if any.
    """

    measure: Callable[[], int] = lambda: 0
    samples: int = 0
    tower: Tower | None = None


class Sizes:
    """Costs of one backbone's artifacts, asked for in the order in which they are made."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._rows: dict[str, int] = {}  # partitions counted apart, by digest
        self._sources: dict[str, Source] = {}
        self._edits: dict[str, Cost] = {}
        self._scores: dict[str, ScoresSpec] = {}

    def cost(self, spec: Spec, position: int, arguments: Sequence[Any]) -> Cost:
        """The cost of a stage's artifact at `position`, the stage's arguments being known."""
        backbone = self._backbone
        match spec:
            case DatasetSpec():
                source = self._sources[spec.digest] = arguments[0][position]
                return Cost(partial(_dataset_bytes, source), len(source.rows))
            case PixelsSpec():
                source = self._sources[spec.dataset]
                rows = self._rows[spec.digest] = source.images.size
                return Cost(lambda: round(rows * _picture_bytes(source, spec.geometry)), rows)
            case TokensSpec():
                rows = self._rows[spec.digest] = self._sources[spec.dataset].texts.size
                return Cost(lambda: rows * token_field(backbone).row_bytes, rows)
            case StatisticsSpec():
                layers = find_layers(backbone.model, spec.tower, spec.roles)
                fields = statistics_fields(input_widths(backbone, layers)).values()
                rows = self._rows[spec.inputs]
                pairs = rows // 2  # a row of statistics holds both partitions
                return Cost(lambda: pairs * sum(f.row_bytes for f in fields), rows, spec.tower)
            case ScoresSpec():
                self._scores[spec.digest] = spec
                return Cost(lambda: 4 * sum(math.prod(shape) for shape in self._shapes(spec)))
            case EditSpec():
                found = self._edits[spec.digest] = Cost(lambda: self._edit_bytes(spec))
                return found
            case RandomEditSpec():
                return self._edits[spec.like]
            case EmbeddingsSpec():
                rows = self._rows[spec.inputs]
                return Cost(lambda: rows * embedding_field(backbone).row_bytes, rows, spec.tower)
        return Cost()

    def _shapes(self, scores: ScoresSpec) -> list[tuple[int, ...]]:
        layers = find_layers(self._backbone.model, scores.tower, scores.roles)
        shapes = [tuple(layer.weight(self._backbone.model).shape) for layer in layers]
        return [shape[1:] for shape in shapes] if scores.score == "node" else shapes

    def _edit_bytes(self, spec: EditSpec) -> int:
        """At most: the smallest set with a share of the score has at most that share of weights."""
        shapes = self._shapes(self._scores[spec.scores])
        return 8 * sum(max(1, math.ceil(spec.share * math.prod(shape))) for shape in shapes)


def _dataset_bytes(source: Source) -> int:
    with TemporaryDirectory() as folder:
        write_dataset(Path(folder), source)
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
