"""Leave-one-concept-out: each concept measured with the edit made from all the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flows.stages.data import identify
from flows.stages.stages import Stages
from storage.store.spec import Spec
from tasks.held_out import Embedded, HeldOutSpec
from tasks.metrics import metric_plugins
from uwm.config import AuditConfig, EditMethod, PairsConfig, Subset
from uwm.errors import InputError
from uwm.metrics.concepts import displayed

if TYPE_CHECKING:
    from flows.audit.measuring import Inputs, Towers

HELD_OUT = "held_out"
"""The name of the table."""
Rescored = Callable[[EditMethod, "Towers", Subset], "Towers"]
"""A method's settled edits, made anew from a part of the calibration set."""


def held_out_benchmark(config: AuditConfig) -> PairsConfig:
    """The pair set that the section names: the first benchmark unless it says."""
    wanted = config.held_out and config.held_out.benchmark
    named = {data.name: data for data in config.benchmarks}
    return named[wanted] if wanted else config.benchmarks[0]


def held_out_concepts(config: AuditConfig) -> dict[str, tuple[str, ...]]:
    """The concepts that calibration set and benchmark share, as displayed, with the tags that the
    calibration set has for each.

    Raises:
        InputError: there is none, or nothing to calibrate on without it.
    """
    tags = _tags(config.calibration, config.seed)
    benchmark = held_out_benchmark(config)
    shared = {name: tags[name] for name in sorted({*tags} & {*_tags(benchmark, config.seed)})}
    if not shared or len(tags) < 2:
        raise InputError(
            f"held_out leaves out one concept of several that {config.calibration.name} and "
            f"{benchmark.name} share; {config.calibration.name} has {', '.join(sorted(tags))}, "
            f"and they share {', '.join(shared) or 'none'}"
        )
    return shared


def held_out_gaps(config: AuditConfig) -> list[str]:
    """Which concepts cannot be held out and why, a line each side."""
    if config.held_out is None:
        return []
    calibration, benchmark = config.calibration, held_out_benchmark(config)
    known, measured = (_tags(data, config.seed) for data in (calibration, benchmark))
    said = []
    if new := sorted({*measured} - {*known}):
        said.append(
            f"not held out: {', '.join(new)}; calibration {calibration.name} has no such pairs, so "
            "that every edit is made without them"
        )
    if unmeasured := sorted({*known} - {*measured}):
        said.append(
            f"not held out: {', '.join(unmeasured)}; benchmark {benchmark.name} has no such pairs "
            "to measure on"
        )
    return said


def lay_out_held_out(
    stages: Stages,
    config: AuditConfig,
    settled: Mapping[str, Towers],
    rescored: Rescored,
    inputs: Mapping[str, Inputs],
) -> list[tuple[str, Spec]]:
    """Submit what the section asks for; a spec per method, but for those that edit nothing.

    A method with a grid keeps the point that was chosen: only what it is calibrated on differs.
    """
    if config.held_out is None:
        return []
    data = inputs[f"benchmark {held_out_benchmark(config).name}"]

    def embedded(edits: Towers) -> Embedded:
        image, text = edits
        return (
            stages.embeddings("image", image, [data.image])[0],
            stages.embeddings("text", text, [data.text])[0],
        )

    concepts = held_out_concepts(config)
    original = embedded((None, None))
    found: list[tuple[str, Spec]] = []
    for method in config.rescored_methods:
        edits = settled[method.name]
        if method.name not in config.held_out.methods or not any(edits):
            continue
        ordinary = embedded(edits)
        without = {
            concept: embedded(rescored(method, edits, Subset(without=tags)))
            for concept, tags in concepts.items()
        }
        spec = HeldOutSpec.of(
            data.dataset, original, ordinary, without, metric_plugins(config.metrics)
        )
        needs = [part for both in (original, ordinary, *without.values()) for part in both]
        stages.held_out(spec, method.name, [data.dataset, *needs])
        found.append((method.name, spec))
    return found


def _tags(config: PairsConfig, seed: int) -> dict[str, tuple[str, ...]]:
    """The concepts of a pair set as displayed, with its own tags for each."""
    found: dict[str, tuple[str, ...]] = {}
    for tag in sorted(set(identify(config, seed)[0].rows["concept"].astype(str))):
        found[displayed(tag)] = (*found.get(displayed(tag), ()), tag)
    return found
