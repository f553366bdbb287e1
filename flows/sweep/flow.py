"""The sweep of every backbone of an audit, one after the other."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from prefect import State, flow, tags
from prefect.artifacts import create_markdown_artifact

from flows.stages.data import without_missing
from flows.stages.runners import task_runner
from flows.sweep.backbone import sweep_backbone
from flows.sweep.results import BackboneSweep, SweepResults, write_sweep
from storage.store.store import Store
from uwm.config import AuditConfig, Runner, SweepSettings
from uwm.errors import AuditError, UWMError

_THREADS = Runner()


@flow(name="sweep", flow_run_name="sweep · {config.name}", persist_result=False)
def sweep(
    config: AuditConfig, settings: SweepSettings, store: str, out: str, runner: Runner = _THREADS
) -> SweepResults:
    """Sweep every backbone of `config`, one after the other.

    Args:
        settings: what to try; an audit's own are its `sweep`.
        store: where artifacts lie; what is complete there is not computed again.
        out: the folder for `sweep.parquet` and `sweep.json`.

    Raises:
        AuditError: no backbone could be swept; its own error where there is but one.
    """
    there, gaps = without_missing(config)
    found: dict[str, BackboneSweep] = {}
    failures: dict[str, str] = {}
    with task_runner(runner, config.model_copy(update={"parallel": 1})) as runs:
        each = sweep_backbone.with_options(task_runner=runs)
        for backbone in there.backbones:
            with tags(backbone.name):
                state: State[BackboneSweep] = each(
                    there, settings, backbone, store, return_state=True
                )
            if state.is_completed():
                found[backbone.name] = state.result()
                continue
            error = state.result(raise_on_failure=False)
            if isinstance(error, UWMError) and len(there.backbones) == 1:
                raise error
            failures[backbone.name] = str(error)
    if not found:
        lines = [f"{name}: {said}" for name, said in failures.items()]
        raise AuditError("\n  ".join(["no backbone could be swept:", *lines]))
    rows = [part.rows.assign(backbone=name) for name, part in found.items()]
    results = SweepResults(
        config=config,
        rows=pd.concat(rows, ignore_index=True),
        passes={name: part.passes for name, part in found.items()},
        excluded={name: part.excluded for name, part in found.items() if part.excluded},
        gaps=gaps,
        failures=failures,
    )
    write_sweep(Path(out), results)
    Store(store).record(
        f"{config.name}-sweep", [name for part in found.values() for name in part.used]
    )
    create_markdown_artifact(
        "\n".join(["# Sweep " + config.name, *(f"- {said}" for said in results.sentences)]),
        key=f"sweep-{config.name}",
        description="summary of the sweep",
    )
    return results
