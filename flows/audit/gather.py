"""What frames the audits of single backbones, wherever those run: data before, results after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import State, get_run_logger

from flows.audit.held_out import held_out_gaps
from flows.audit.history import Keeping, announce
from flows.audit.leaks import leaks
from flows.report.audit_page import write_report
from flows.report.prefect_ui import publish
from flows.report.sections import generalisation, generalised
from flows.results.files import write_results
from flows.results.findings import findings
from flows.results.table import GAPS, AuditResults, collect
from flows.stages.data import DataConfig, identify, without_missing
from storage.formats.backbone_results import BackboneResults, read_backbone_results
from storage.store.store import Store
from uwm.config import AuditConfig
from uwm.errors import AuditError, UWMError

_RAISED = "Flow run encountered an exception: "


class Frame:
    """One audit of a zoo, to be closed with how the runs of its backbones ended.

    Attributes:
        there: the audit without zero-shot sets that are missing, as each backbone is audited.

    Raises:
        InputError: the policy names an audit that was not kept, or data cannot be used.
    """

    def __init__(self, config: AuditConfig, store: Store) -> None:
        self._config, self._store = config, store
        self._keeping = Keeping(store, config)
        self.there, self._gaps = without_missing(config)
        if self._gaps:
            get_run_logger().warning("%s", "\n  ".join([GAPS, *self._gaps.values()]))

    def close(self, states: Mapping[str, State[Any]], out: Path) -> AuditResults:
        """Gather the results, judge, write, keep, publish and announce them.

        Args:
            states: final ones, per backbone, as `flows.audit.backbone.audit_backbone` ends.

        Raises:
            AuditError: no backbone was audited; its own error where that was raised here.
        """
        found: dict[str, BackboneResults] = {}
        failures: dict[str, str] = {}
        for name, state in states.items():
            if state.is_completed() and state.message:
                found[name] = read_backbone_results(self._store, state.message)
            else:
                failures[name] = _reason(state)
        if not found:
            _raise(states, failures)
        results = collect(self._config, found, self._left_out(found), self._gaps, failures)
        kept, verdict = self._keeping.judged(results, found, self._contents())
        results = replace(
            results,
            verdict=verdict,
            warnings=self._warnings(),
            findings=findings(results),
            section_findings=generalised(results),
        )
        write_results(out, results)
        write_report(out / "report.html", results, [generalisation(results)])
        self._keeping.keep(kept, found)
        publish(results, out)
        announce(results, out / "report.html")
        for said in results.warnings:
            get_run_logger().warning("%s", said)
        for name, said in failures.items():
            get_run_logger().error("%s could not be audited: %s", name, said)
        get_run_logger().info("results and report are in %s", out.resolve())
        return results

    def _left_out(self, found: Mapping[str, BackboneResults]) -> dict[str, Mapping[str, int]]:
        """How many rows of each data set were left out, by reason."""
        there, seed = self.there, self._config.seed
        # A calibration set may be called as a benchmark is.
        data: dict[str, DataConfig] = {f"calibration {there.calibration.name}": there.calibration}
        data |= {f"validation {item.name}": item for item in [there.validation] if item}
        data |= {item.name: item for item in there.benchmarks}
        data |= {item.name: item for item in there.zeroshot_sets}
        excluded: dict[str, Mapping[str, int]] = {
            name: identify(item, seed)[0].excluded for name, item in data.items()
        }
        excluded |= {
            f"calibration {there.calibration.name}, text tower of {name}": part.excluded
            for name, part in found.items()
        }
        return {name: rows for name, rows in excluded.items() if rows}

    def _warnings(self) -> list[str]:
        """What makes figures say less than they seem to."""
        return [*leaks(self.there), *held_out_gaps(self.there)]

    def _contents(self) -> dict[str, str]:
        """Content digests of benchmarks and zero-shot sets."""
        sets: list[DataConfig] = [*self.there.benchmarks, *self.there.zeroshot_sets]
        return {item.name: identify(item, self._config.seed)[1].content for item in sets}


def _reason(state: State[Any]) -> str:
    said = (state.message or "").removeprefix(_RAISED) or "it says no more"
    return said if state.is_failed() else f"{state.name}: {said}"


def _raise(states: Mapping[str, State[Any]], failures: Mapping[str, str]) -> None:
    """The error of the only backbone that there was, or of all of them."""
    if len(states) == 1:
        (state,) = states.values()
        error = state.result(raise_on_failure=False) if state.data is not None else None
        if isinstance(error, UWMError):
            raise error
    lines = [f"{name}: {said}" for name, said in failures.items()]
    raise AuditError("\n  ".join(["no backbone could be audited:", *lines]))
