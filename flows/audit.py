"""The audit of a zoo: one subflow per backbone, one table of results, one report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.task_runners import TaskRunner

from flows.backbone import BackboneResults, audit_backbone
from flows.keeping import Keeping, announce
from flows.report import write_report
from flows.results import GAPS, AuditResults, collect, findings, summary, write_results
from flows.runners import task_runner
from flows.stages import DataConfig, identify
from storage.store import Store
from uwm.config import AuditConfig, Runner, ZeroShotConfig
from uwm.errors import MissingSetError, SourceError

_THREADS = Runner()


@flow(name="audit", flow_run_name="audit · {config.name}", persist_result=False)
def audit(config: AuditConfig, store: str, out: str, runner: Runner = _THREADS) -> AuditResults:
    """Audit every backbone of `config`.

    Args:
        store: where artifacts lie; what is complete there is not computed again.
        out: the folder for `results.parquet`, `results.json` and `report.html`.
        runner: where task runs go.
    """
    logger = get_run_logger()
    keeping = Keeping(Store(store), config)
    there, gaps = without_missing(config)
    if gaps:
        logger.warning("%s", "\n  ".join([GAPS, *gaps.values()]))
    # A calibration set may be called as a benchmark is.
    data: dict[str, DataConfig] = {f"calibration {there.calibration.name}": there.calibration}
    data |= {f"validation {item.name}": item for item in [there.validation] if item}
    data |= {item.name: item for item in (*there.benchmarks, *there.zeroshot_sets)}
    excluded = {name: identify(item, config.seed)[0].excluded for name, item in data.items()}
    with task_runner(runner, config) as runs:
        found = _audit_backbones(there, store, runs)
    excluded |= {
        f"calibration {config.calibration.name}, text tower of {name}": part["excluded"]
        for name, part in found.items()
    }
    left_out = {name: rows for name, rows in excluded.items() if rows}
    results = collect(config, found, left_out, gaps)
    contents = {
        item.name: identify(item, config.seed)[1].content
        for item in (*there.benchmarks, *there.zeroshot_sets)
    }
    kept, verdict = keeping.judged(results, found, contents)
    results = replace(results, verdict=verdict)
    folder = Path(out)
    write_results(folder, results)
    write_report(folder / "report.html", results)
    keeping.keep(kept, found)
    _publish(results, folder)
    if verdict is not None:
        announce(config.name, verdict, folder / "report.html")
    logger.info("results and report are in %s", folder.resolve())
    return results


def without_missing(config: AuditConfig) -> tuple[AuditConfig, dict[str, str]]:
    """The audit of the zero-shot sets that are there, and what of the others is not, by set.

    Raises:
        SourceError: none of them is there.
    """
    there: list[ZeroShotConfig] = []
    gaps: dict[str, str] = {}
    for data in config.zeroshot_sets:
        try:
            source, _ = identify(data, config.seed)
        except MissingSetError as error:
            gaps[data.name] = str(error)
            continue
        there.append(data)
        count = int(source.rows["times"].sum())
        if source.official and count < source.official:
            gaps[data.name] = f"{data.name} has {count} of its {source.official} pictures"
    if gaps and not there:
        raise SourceError("\n  ".join(["no zero-shot set is where it should be", *gaps.values()]))
    return config.model_copy(update={"zeroshot": tuple(there)}), gaps


def _audit_backbones(
    config: AuditConfig, store: str, runs_tasks: TaskRunner[Any]
) -> dict[str, BackboneResults]:
    """A subflow per backbone, `config.parallel` of them at a time."""
    each = audit_backbone.with_options(task_runner=runs_tasks)
    with ThreadPoolExecutor(config.parallel) as pool:
        runs = {
            item.name: pool.submit(copy_context().run, each, config, item, store)
            for item in config.backbones
        }
        return {name: run.result() for name, run in runs.items()}


def _publish(results: AuditResults, folder: Path) -> None:
    """A markdown summary of the audit and a table per backbone, in Prefect's UI."""
    table = summary(results).round(1)
    lines = [f"# Audit {results.config.name}", ""]
    if results.verdict is not None:
        lines += [f"**{results.verdict.said()}**", ""]
        lines += [*(f"- {check}" for check in results.verdict.broken), ""]
    lines += [f"- {said}" for said in findings(results)]
    lines += ["", _markdown(table.astype(str).to_numpy().tolist(), list(table.columns))]
    lines += ["", f"Report: `{(folder / 'report.html').resolve()}`"]
    create_markdown_artifact(
        "\n".join(lines), key=f"audit-{results.config.name}", description="summary of the audit"
    )
    for backbone, rows in table.groupby("backbone", sort=False):
        create_table_artifact(
            [
                dict(zip(map(str, rows.columns), row, strict=True))
                for row in rows.to_numpy().tolist()
            ],
            key=_slug(f"audit-{results.config.name}-{backbone}"),
            description=f"{backbone} on {results.benchmark}, percent",
        )


def _markdown(rows: list[list[str]], columns: list[str]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _slug(name: str) -> str:
    """Prefect's artifact keys are lower-case letters, digits and dashes."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())
