"""A section of the report: what it asks an audit to compute, and how it shows the results."""

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
    """One backbone's audit after its edits are submitted; sections submit their stages then.

    Attributes:
        edits: of each method, with the chosen point of its grid.
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

    A subclass has a template in the same folder as its module, under the module's name with the
    ending `.html.j2`. The template may import `macros.html.j2`; all values are escaped.

    Attributes:
        key: a unique name. A table that the section computes is in `AuditResults.tables` under
            this name, and in `KEY.parquet` in the results' folder.
    """

    key: ClassVar[str]

    def check(self, config: AuditConfig) -> None:
        """Refuse what it cannot do, before anything is computed.

        Raises:
            InputError: its settings do not fit the audit.
        """

    def submit(self, audit: RepairedBackbone) -> list[tuple[str, Spec]]:
        """Submit the stages that compute the section's table.

        Returns:
            Pairs of a method's name and a spec, whose artifact has a table in the file
            `tasks.embeddings.TABLE`. They become one table, with the columns `method` and
            `backbone`.
        """
        return []

    def warnings(self, config: AuditConfig) -> list[str]:
        """What it leaves out, and what limits the meaning of its figures."""
        return []

    def sentences(self, results: AuditResults) -> list[str]:
        """Its findings, a sentence each, for the terminal and `results.json`."""
        return []

    @abstractmethod
    def html(self, results: AuditResults) -> str:
        """Its part of the page; empty where it has nothing to show.

        The same results must give the same bytes.
        """

    def render(self, **values: Any) -> str:
        """The section's template with these values."""
        return render(Path(inspect.getfile(type(self))).with_suffix(".html.j2"), **values)
