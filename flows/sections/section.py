"""A section of the report: what it asks an audit to compute, and how it shows what was found."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from flows.report.pages import render
from flows.results.table import AuditResults
from flows.stages.inputs import Inputs, Towers
from flows.stages.stages import Stages
from storage.store.spec import Spec
from uwm.config import AuditConfig, EditMethod, ReportSection, Subset

Rescored = Callable[[EditMethod, Towers, Subset], Towers]
"""A method's edits, made again from a part of the calibration set."""


@dataclass(frozen=True)
class RepairedBackbone:
    """One backbone's audit once its edits are submitted, which is where a section comes in.

    Attributes:
        edits: of each method, those that it was settled on.
        rescored: makes them again from a part of the calibration set.
        inputs: `calibration`, and `benchmark NAME` or `zero-shot NAME` for each set of the audit.
    """

    stages: Stages
    config: AuditConfig
    edits: Mapping[str, Towers]
    rescored: Rescored
    inputs: Mapping[str, Inputs]


class Section(ReportSection):
    """One section of the report.

    A subclass has a template beside its module, under the module's name with the ending
    `.html.j2`. It may import `macros.html.j2`, and all that it shows is escaped.

    Attributes:
        key: a name of its own. The table of what it has computed goes by it, in
            `AuditResults.tables` and as `KEY.parquet` in the results' folder.
    """

    key: ClassVar[str]

    def check(self, config: AuditConfig) -> None:
        """Refuse what it cannot do, before anything is computed.

        Raises:
            InputError: its settings do not fit the audit.
        """

    def submit(self, audit: RepairedBackbone) -> list[tuple[str, Spec]]:
        """Submit the stages whose tables it shows.

        Returns:
            Pairs of a method's name and a spec, whose artifact has a table as
            `tasks.embeddings.TABLE` names it. Together they become one table, with the columns
            `method` and `backbone`.
        """
        return []

    def warnings(self, config: AuditConfig) -> list[str]:
        """What it leaves out, and what makes its figures say less than they seem to."""
        return []

    def sentences(self, results: AuditResults) -> list[str]:
        """What it has found, a sentence each, for the terminal and `results.json`."""
        return []

    @abstractmethod
    def html(self, results: AuditResults) -> str:
        """Its part of the page; empty where it has nothing to show.

        The same results must give the same bytes.
        """

    def render(self, **values: Any) -> str:
        """The section's template with these values."""
        return render(Path(inspect.getfile(type(self))).with_suffix(".html.j2"), **values)
