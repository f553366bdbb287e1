"""The audit of a zoo in this process: one subflow per backbone, one table, one report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from prefect import State, flow, tags
from prefect.task_runners import TaskRunner

from flows.audit.backbone import audit_backbone
from flows.audit.gather import Frame
from flows.results.table import AuditResults
from flows.stages.runners import task_runner
from storage.store.store import Store
from uwm.config import AuditConfig, BackboneConfig, Runner

_THREADS = Runner()


@flow(name="audit", flow_run_name="audit · {config.name}", persist_result=False)
def audit(config: AuditConfig, store: str, out: str, runner: Runner = _THREADS) -> AuditResults:
    """Audit every backbone of `config`; what one of them fails at does not stop the others.

    Args:
        store: where artifacts lie; what is complete there is not computed again.
        out: the folder for `results.parquet`, `results.json` and `report.html`.
        runner: where task runs go.
    """
    frame = Frame(config, Store(store))
    with task_runner(runner, config) as runs:
        states = _audit_backbones(frame.there, store, runs)
    return frame.close(states, Path(out))


def _audit_backbones(
    config: AuditConfig, store: str, runs: TaskRunner[Any]
) -> dict[str, State[Any]]:
    """A subflow per backbone, `config.parallel` of them at a time; how each ended."""
    each = audit_backbone.with_options(task_runner=runs)

    def audited(backbone: BackboneConfig) -> State[Any]:
        with tags(backbone.name):
            return each(config, backbone, store, return_state=True)

    pool = ThreadPoolExecutor(config.parallel)
    try:
        ended = {
            backbone.name: pool.submit(copy_context().run, audited, backbone)
            for backbone in config.backbones
        }
        return {name: run.result() for name, run in ended.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # one that is interrupted waits for none
