"""Everything an audit does outside its backbones, wherever those run.

The data are checked before; the results are gathered, judged, written and recorded after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from prefect import State, get_run_logger

from flows.audit.history import Keeping, announce
from flows.audit.leaks import leaks
from flows.report.audit_page import write_report
from flows.report.prefect_ui import publish
from flows.results.files import write_results
from flows.results.findings import findings
from flows.results.table import GAPS, AuditResults, collect
from flows.sections.registry import sections
from flows.stages.data import without_missing
from flows.stages.each_backbone import failures
from storage.formats.backbone_results import BackboneResults, read_backbone_results
from storage.store.store import Store
from tasks.datasets import DataConfig, identify
from uwm.config import AuditConfig


class ZooAudit:
    """One audit of a zoo, to be closed with how the runs of its backbones ended.

    Args:
        partial: see `flows.audit.history.Keeping`.

    Attributes:
        available: the audit without zero-shot sets that are missing, as each backbone is audited.

    Raises:
        InputError: the policy names an audit that was not kept, a section cannot be used, or data
            cannot.
    """

    def __init__(self, config: AuditConfig, store: Store, *, partial: bool = False) -> None:
        self._config, self._store, self._partial = config, store, partial
        self._sections = sections(config)
        self._keeping = Keeping(store, config, partial=partial)
        self.available, self._gaps = without_missing(config)
        if self._gaps:
            get_run_logger().warning("%s", "\n  ".join([GAPS, *self._gaps.values()]))

    def close(self, states: Mapping[str, State[Any]], out: Path) -> AuditResults:
        """Gather the results, judge, write, keep, publish and announce them.

        Args:
            states: final ones, per backbone, as `flows.audit.backbone.audit_backbone` ends.

        Raises:
            AuditError: no backbone was audited; its own error where that was raised here.
        """
        failed = failures(states, "audited")
        found = {
            name: read_backbone_results(self._store, str(state.message))
            for name, state in states.items()
            if name not in failed
        }
        results = collect(self._config, found, self._left_out(found), self._gaps, failed)
        kept, verdict = self._keeping.judged(results, found, self._contents())
        results = replace(
            results,
            verdict=verdict,
            warnings=self._warnings(found),
            findings=findings(results),
            section_findings=[
                sentence for section in self._sections for sentence in section.sentences(results)
            ],
        )
        write_results(out, results)
        write_report(
            out / "report.html", results, [section.html(results) for section in self._sections]
        )
        self._keeping.keep(kept, found)
        publish(results, out)
        if not self._partial:  # what automations react to is the whole audit
            announce(results, out / "report.html")
        for warning in results.warnings:
            get_run_logger().warning("%s", warning)
        get_run_logger().info("results and report are in %s", out.resolve())
        return results

    def _left_out(self, found: Mapping[str, BackboneResults]) -> dict[str, Mapping[str, int]]:
        """How many rows of each data set were left out, by reason."""
        available, seed = self.available, self._config.seed
        # A calibration set may be called as a benchmark is.
        data: dict[str, DataConfig] = {
            f"calibration {available.calibration.name}": available.calibration
        }
        data |= {f"validation {item.name}": item for item in [available.validation] if item}
        data |= {item.name: item for item in available.benchmarks}
        data |= {item.name: item for item in available.zeroshot_sets}
        excluded: dict[str, Mapping[str, int]] = {
            name: identify(item, seed)[0].excluded for name, item in data.items()
        }
        excluded |= {
            f"calibration {available.calibration.name}, text tower of {name}": part.excluded
            for name, part in found.items()
        }
        excluded |= {
            f"{data}, {name}": rows
            for name, part in found.items()
            for data, rows in part.left_out.items()
        }
        return {name: rows for name, rows in excluded.items() if rows}

    def _warnings(self, found: Mapping[str, BackboneResults]) -> list[str]:
        """What makes figures say less than they seem to."""
        of_sections = [section.warnings(self.available) for section in self._sections]
        unread = (part.unread for part in found.values())
        return [*leaks(self.available), *chain.from_iterable((*of_sections, *unread))]

    def _contents(self) -> dict[str, str]:
        """Content digests of benchmarks and zero-shot sets."""
        sets: list[DataConfig] = [*self.available.benchmarks, *self.available.zeroshot_sets]
        return {item.name: identify(item, self._config.seed)[1].content for item in sets}
