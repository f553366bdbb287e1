"""What a configuration's pair sets hold: counts, the quarantine, and a contact sheet in HTML."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.report.pages import write_page
from storage.files.thumbnails import SIDE, thumbnail
from storage.sources import Source, check_pairs, read_pairs, unchanged
from uwm.config import AuditConfig, PairsConfig
from uwm.errors import SourceError
from uwm.metrics.concepts import displayed
from uwm.partitions import PARTITIONS


@dataclass(frozen=True)
class PairsView:
    """One pair set as it would enter the audit.

    Attributes:
        part: what the audit uses it for.
        objection: why the audit would refuse it; None if it would not.
    """

    part: str
    config: PairsConfig
    source: Source
    objection: str | None

    @property
    def counts(self) -> dict[str, int]:
        """Usable rows per concept as it is displayed, most first."""
        found = self.source.rows["concept"].map(displayed).value_counts()
        return {str(concept): int(count) for concept, count in found.items()}


@dataclass(frozen=True)
class Card:
    """One quadruple on the page: id, and by partition its text and thumbnail."""

    id: str
    texts: dict[str, str]
    pictures: dict[str, str]


def pair_views(config: AuditConfig) -> list[PairsView]:
    """Every pair set of an audit, read and sampled as the audit would.

    Raises:
        SourceError: a set cannot be read at all.
    """
    return [_view(part, data, config.seed) for part, data in _parts(config)]


def print_pairs(console: Console, views: list[PairsView]) -> None:
    """Per set a table of concepts, and what is quarantined."""
    for view in views:
        table = Table(title=f"{view.part}: {view.config.name} ({view.config.kind})")
        table.add_column("concept")
        table.add_column("pairs", justify="right")
        for concept, count in view.counts.items():
            table.add_row(escape(concept), str(count))
        table.add_section()
        table.add_row("all", str(len(view.source.rows)))
        for reason, count in view.source.excluded.items():
            table.add_row(escape(f"quarantined: {reason}"), str(count), style="yellow")
        console.print(table)
        if view.objection:
            console.print(f"refused: {view.objection}", style="red", markup=False, highlight=False)


def write_pairs_page(
    path: Path, name: str, views: list[PairsView], each: int, reveal: bool
) -> None:
    """Write the contact sheet; the same data give the same bytes.

    Args:
        each: quadruples shown per concept, the first ones of the sample.
        reveal: show pictures and unsafe texts as they are. Without it no picture can be made out
            from the page's bytes, and an unsafe text takes a click.
    """
    write_page(
        path,
        "pairs",
        name=name,
        reveal=reveal,
        side=SIDE,
        sets=[(view, _sheet(view.source, each, reveal)) for view in views],
    )


def _parts(config: AuditConfig) -> Iterator[tuple[str, PairsConfig]]:
    yield "calibration", config.calibration
    if config.validation is not None:
        yield "validation", config.validation
    for benchmark in config.benchmarks:
        yield "benchmark", benchmark


def _view(part: str, config: PairsConfig, seed: int) -> PairsView:
    try:
        source, concepts = read_pairs(config, seed)
    except SourceError as error:
        raise SourceError(f"{part} {config.name}: {error}") from error
    try:
        check_pairs(config, source, concepts)
    except SourceError as error:
        return PairsView(part, config, source, str(error))
    return PairsView(part, config, source, None)


def _sheet(source: Source, each: int, reveal: bool) -> dict[str, list[Card]]:
    """Cards by concept as it is displayed, in alphabetical order."""
    first = source.rows.groupby("concept").head(each)

    def card(row: int) -> Card:
        return Card(
            id=str(source.rows["id"].iat[row]),
            texts={part: str(source.texts[part].iat[row]) for part in PARTITIONS},
            pictures={part: _thumbnail(source, part, row, reveal) for part in PARTITIONS},
        )

    with ThreadPoolExecutor() as pool:
        cards = list(pool.map(card, first.index))
    sheet: dict[str, list[Card]] = {}
    for concept, made in sorted(
        zip(first["concept"], cards, strict=True), key=lambda pair: pair[0]
    ):
        sheet.setdefault(displayed(concept), []).append(made)
    return sheet


def _thumbnail(source: Source, part: str, row: int, clear: bool) -> str:
    reference = str(source.images[part].iat[row])
    digests = source.digests
    if digests is None:
        return thumbnail(source.read(reference), reference, clear=clear)
    return thumbnail(
        unchanged(source, reference, str(digests[part].iat[row])), reference, clear=clear
    )
