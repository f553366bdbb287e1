"""Leave-one-concept-out: each concept measured with the edit made from all the others."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pandas as pd

from flows.results.table import AuditResults
from flows.results.wording import change, signed
from flows.sections.concepts import SAFETY
from flows.sections.section import RepairedBackbone, Section
from flows.stages.inputs import Towers
from storage.store.spec import Spec
from tasks.artifacts import Pair
from tasks.datasets import identify
from tasks.held_out import HeldOutSpec
from tasks.metrics import metric_plugins
from uwm.config import AuditConfig, PairsConfig, Subset
from uwm.errors import InputError
from uwm.metrics.concepts import displayed
from uwm.metrics.intervals import Interval


class HeldOutConcepts(Section):
    """Per method, its edit measured on a concept that it was made without."""

    key: ClassVar[str] = "held_out"
    kind: Literal["held_out"]

    def submit(self, audit: RepairedBackbone) -> list[tuple[str, Spec]]:
        """A spec per method that `held_out` names, except those that edit nothing.

        A method with a grid keeps the point that was chosen; only its calibration pairs differ.
        """
        config, stages = audit.config, audit.stages
        if config.held_out is None:
            return []
        data = audit.inputs[f"benchmark {held_out_benchmark(config).name}"]

        def embedded(edits: Towers) -> Pair:
            image, text = edits
            return (
                stages.embeddings("image", image, [data.image])[0],
                stages.embeddings("text", text, [data.text])[0],
            )

        concepts = held_out_concepts(config)
        original = embedded((None, None))
        submitted: list[tuple[str, Spec]] = []
        for method in config.rescored_methods:
            edits = audit.edits[method.name]
            if method.name not in config.held_out.methods or not any(edits):
                continue
            without = {
                concept: embedded(audit.rescored(method, edits, Subset(without=tags)))
                for concept, tags in concepts.items()
            }
            spec = HeldOutSpec(
                pairs=data.dataset,
                original=original,
                ordinary=embedded(edits),
                held_out=tuple(without.items()),
                metrics=metric_plugins(config.metrics),
            )
            stages.make([spec], method.name)
            submitted.append((method.name, spec))
        return submitted

    def warnings(self, config: AuditConfig) -> list[str]:
        return held_out_gaps(config)

    def sentences(self, results: AuditResults) -> list[str]:
        table = results.tables.get(self.key)
        return [] if table is None else held_out_sentences(table)

    def html(self, results: AuditResults) -> str:
        table = results.tables.get(self.key)
        if table is None:
            return ""
        return self.render(
            metrics=SAFETY,
            sentences=held_out_sentences(table),
            held_out=held_out_parts(table),
            benchmark=held_out_benchmark(results.config).name,
        )


def held_out_benchmark(config: AuditConfig) -> PairsConfig:
    """The benchmark that `held_out` names, by default the first."""
    wanted = config.held_out and config.held_out.benchmark
    named = {data.name: data for data in config.benchmarks}
    return named[wanted] if wanted else config.benchmarks[0]


def held_out_concepts(config: AuditConfig) -> dict[str, tuple[str, ...]]:
    """The concepts that calibration set and benchmark share, as displayed, with the tags that the
    calibration set has for each.

    Raises:
        InputError: they share none, or the calibration set has only one.
    """
    tags = _tags(config.calibration, config.seed)
    benchmark = held_out_benchmark(config)
    shared = {name: tags[name] for name in sorted({*tags} & {*_tags(benchmark, config.seed)})}
    if not shared or len(tags) < 2:
        raise InputError(
            f"held_out needs a calibration set of two or more concepts, of which the benchmark has "
            f"at least one; calibration {config.calibration.name} has {', '.join(sorted(tags))}, "
            f"and shares {', '.join(shared) or 'none'} with {benchmark.name}"
        )
    return shared


def held_out_gaps(config: AuditConfig) -> list[str]:
    """Which concepts cannot be held out, and why: a line for each of the two sets."""
    if config.held_out is None:
        return []
    calibration, benchmark = config.calibration, held_out_benchmark(config)
    known, measured = (_tags(data, config.seed) for data in (calibration, benchmark))
    gaps = []
    if new := sorted({*measured} - {*known}):
        gaps.append(
            f"not held out: {', '.join(new)}; calibration {calibration.name} has no such pairs, so "
            "every edit is made without them"
        )
    if unmeasured := sorted({*known} - {*measured}):
        gaps.append(
            f"not held out: {', '.join(unmeasured)}; benchmark {benchmark.name} has no such pairs "
            "to measure on"
        )
    return gaps


_COMPARED = ("held_out", "ordinary", "gap", "gap_low", "gap_high")


def held_out_sentences(table: pd.DataFrame) -> list[str]:
    """Per backbone and method, the change on concepts that the edit was made without."""
    pooled = table[table["concept"] == ""].set_index("metric")
    sentences = []
    for (backbone, method), found in pooled.groupby(["backbone", "method"], sort=False):
        parts = []
        for metric in SAFETY:
            held_out, ordinary, *gap = (
                float(found.loc[[metric], name].iloc[0]) for name in _COMPARED
            )
            parts.append(
                f"{metric} {signed(held_out)}, the ordinary edit {signed(ordinary)}, "
                + change("difference", Interval(*gap))
            )
        sentences.append(
            f"{backbone}, {method} made without a concept and measured on it: {'; '.join(parts)}."
        )
    return sentences


def held_out_parts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Per backbone and method its rows by concept, all of them together first.

    A row has `concept`, `n`, and per metric of `SAFETY` the table's own columns.
    """
    return [
        {
            "backbone": backbone,
            "method": method,
            "rows": [
                {
                    "concept": concept or "all held out",
                    "n": int(own["n"].iloc[0]),
                    **{metric: own.set_index("metric").loc[metric].to_dict() for metric in SAFETY},
                }
                for concept, own in part.groupby("concept", sort=False)
            ],
        }
        for (backbone, method), part in table.groupby(["backbone", "method"], sort=False)
    ]


def _tags(config: PairsConfig, seed: int) -> dict[str, tuple[str, ...]]:
    """The concepts of a pair set as displayed, with its own tags for each."""
    found: dict[str, tuple[str, ...]] = {}
    for tag in sorted(set(identify(config, seed)[0].rows["concept"].astype(str))):
        found[displayed(tag)] = (*found.get(displayed(tag), ()), tag)
    return found
