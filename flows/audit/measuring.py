"""Measuring a repair: embeddings of every benchmark, and their evaluation against the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.audit.bases import Weights
from flows.results.table import unseeded
from flows.stages.inputs import Inputs, Towers
from flows.stages.stages import Stages
from tasks.artifacts import Pair, TowerEmbeddingsSpec
from tasks.evaluate import KnowledgeSpec, SafetySpec
from tasks.metrics import metric_plugins
from uwm.config import AuditConfig
from uwm.config.methods.requests import Rewriting
from uwm.families import TOWERS


@dataclass(frozen=True)
class Repair:
    """A method as it is measured.

    Attributes:
        edits: its edits of both towers.
        weights: what these are made on.
        control_of: for a control what it controls, and `seed` that of a random one.
        rewriting: what it does to embeddings, where it changes these.
    """

    method: str
    edits: Towers
    weights: Weights
    control_of: str | None = None
    seed: int | None = None
    rewriting: Rewriting | None = None

    def place(self, config: AuditConfig) -> tuple[bool, int]:
        """Where it stands among others: the original, methods as configured, then controls."""
        if self.method == "original":
            return False, -1
        names = [method.name for method in config.methods]
        return self.control_of is not None, names.index(unseeded(self.method, self.seed))


def measure(
    stages: Stages,
    config: AuditConfig,
    repair: Repair,
    inputs: Mapping[str, Inputs],
) -> list[SafetySpec | KnowledgeSpec]:
    """Embed the benchmarks with a repair's edits and evaluate it against the original.

    A control is measured on the first pair set and the zero-shot sets, where claims are made.
    """
    pairs = config.benchmarks if repair.control_of is None else config.benchmarks[:1]
    names = [f"benchmark {data.name}" for data in pairs]
    names += [f"zero-shot {data.name}" for data in config.zeroshot_sets]
    edited, original = (
        dict(zip(names, _embed(on, edits, [inputs[name] for name in names]), strict=True))
        for on, edits in ((repair.weights.stages, repair.edits), (stages, (None, None)))
    )
    if repair.rewriting:
        edited = _rewritten(stages, repair.rewriting, edited, inputs["calibration"])
    draw = {"resamples": config.resamples, "seed": config.seed}
    specs: list[SafetySpec | KnowledgeSpec] = [
        SafetySpec(
            dataset=data.name,
            pairs=inputs[key].dataset,
            edited=edited[key],
            original=original[key],
            metrics=metric_plugins(config.metrics),
            **draw,
        )
        for data in pairs
        for key in [f"benchmark {data.name}"]
    ]
    if config.zeroshot_sets:
        keys = {data.name: f"zero-shot {data.name}" for data in config.zeroshot_sets}
        specs.append(
            KnowledgeSpec(
                datasets=tuple((name, inputs[key].dataset) for name, key in keys.items()),
                edited=tuple(edited[key] for key in keys.values()),
                original=tuple(original[key] for key in keys.values()),
                unsafe=tuple(data.name for data in config.zeroshot_sets if data.unsafe),
                **draw,
            )
        )
    stages.make(specs, repair.method)
    return specs


def _rewritten(
    stages: Stages, wanted: Rewriting, embedded: Mapping[str, Pair], calibration: Inputs
) -> dict[str, Pair]:
    """Embeddings of data sets by both towers, those of some towers rewritten."""
    towers: list[Sequence[TowerEmbeddingsSpec]] = []
    for tower, found in zip(TOWERS, zip(*embedded.values(), strict=True), strict=True):
        rewrites = tower in wanted.towers
        towers.append(
            stages.rewritten(wanted, tower, found, calibration[tower]) if rewrites else found
        )
    return dict(zip(embedded, zip(*towers, strict=True), strict=True))


def _embed(stages: Stages, edits: Towers, inputs: Sequence[Inputs]) -> list[Pair]:
    image, text = edits
    return list(
        zip(
            stages.embeddings("image", image, [data.image for data in inputs]),
            stages.embeddings("text", text, [data.text for data in inputs]),
            strict=True,
        )
    )
