"""The sweep of every backbone of an audit: one subflow each, one table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.stages.data import without_missing
from flows.stages.each_backbone import each_backbone, failures
from flows.sweep.backbone import sweep_backbone
from flows.sweep.results import BackboneSweep, SweepResults, write_sweep
from storage.store.history import record
from storage.store.store import Store
from uwm.config import AuditConfig, Runner, SweepSettings

_THREADS = Runner()


@flow(name="sweep", flow_run_name="sweep · {config.name}", persist_result=False)
def sweep(
    config: AuditConfig,
    settings: SweepSettings,
    store: str,
    out: str,
    runner: Runner = _THREADS,
    *,
    partial: bool = False,
) -> SweepResults:
    """Sweep every backbone of `config`; what one of them fails at does not stop the others.

    Args:
        settings: what to try; an audit's own are its `sweep`.
        store: where artifacts lie; what is complete there is not computed again.
        out: the folder for `sweep.parquet` and `sweep.json`.
        runner: where task runs go.
        partial: `config` has only some of the audit's backbones; what others stand on is kept.

    Raises:
        AuditError: no backbone could be swept; its own error where there is but one.
    """
    there, gaps = without_missing(config)
    states = each_backbone(sweep_backbone, there, runner, settings=settings, store=store)
    failed = failures(states, "swept")
    found: dict[str, BackboneSweep] = {
        name: state.result() for name, state in states.items() if name not in failed
    }
    rows = [part.rows.assign(backbone=name) for name, part in found.items()]
    results = SweepResults(
        config=config,
        rows=pd.concat(rows, ignore_index=True),
        passes={name: part.passes for name, part in found.items()},
        excluded={name: part.excluded for name, part in found.items() if part.excluded},
        unread=[said for part in found.values() for said in part.unread],
        gaps=gaps,
        failures=failed,
    )
    write_sweep(Path(out), results)
    record(
        Store(store),
        config.name,
        "sweep",
        {name: part.used for name, part in found.items()},
        backbones=None if partial else [backbone.name for backbone in config.backbones],
    )
    create_markdown_artifact(
        "\n".join(["# Sweep " + config.name, *(f"- {said}" for said in results.sentences)]),
        key=f"sweep-{config.name}",
        description="summary of the sweep",
    )
    return results
