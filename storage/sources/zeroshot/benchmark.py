"""The benchmarks of the paper: where their official layouts lie, and with which prompts."""

from __future__ import annotations

from pathlib import Path

from storage.sources.readers import reads
from storage.sources.source import Source
from storage.sources.zeroshot import prompts
from storage.sources.zeroshot.labelled import checked, labelled_source
from storage.sources.zeroshot.layout import Layout, layout_of
from uwm.config import BenchmarkZeroShot
from uwm.errors import MissingSetError, SourceError


@reads(BenchmarkZeroShot)
def benchmark_zeroshot(config: BenchmarkZeroShot) -> Source:
    """A benchmark, with the names, templates and samples of its protocol.

    Raises:
        MissingSetError: none of the places where it may lie holds it.
        SourceError: it is there, and malformed.
    """
    layout = layout_of(config.set)
    folder = _located(config, layout)
    try:
        found = layout.read(folder, config.protocol)
    except OSError as error:
        raise SourceError(f"{config.set} in {folder} cannot be read: {error}") from error
    checked(found, folder, f"{layout.wanted} of two or more classes")
    return labelled_source(
        found,
        prompts.class_names(config.set, config.protocol, found.classes),
        prompts.templates(config.set, config.protocol),
        official=prompts.pictures(config.set, config.protocol),
    )


def _located(config: BenchmarkZeroShot, layout: Layout) -> Path:
    for around in (config.set, *layout.aliases, "."):
        for top in (layout.top, "."):
            folder = config.root / around / top
            if layout.known(folder) and all((folder / path).exists() for path in layout.needs):
                return folder
    raise MissingSetError(f"{config.set} is not in {config.root}; it should hold {layout.wanted}")
