"""The audit of a zoo in this process: one subflow per backbone, one table, one report."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.audit.backbone import audit_backbone
from flows.audit.gather import ZooAudit
from flows.results.table import AuditResults
from flows.stages.each_backbone import each_backbone
from storage.store.store import Store
from uwm.config import AuditConfig, Runner

_THREADS = Runner()


@flow(name="audit", flow_run_name="audit · {config.name}", persist_result=False)
def audit(
    config: AuditConfig, store: str, out: str, runner: Runner = _THREADS, *, partial: bool = False
) -> AuditResults:
    """Audit every backbone of `config`; what one of them fails at does not stop the others.

    Args:
        store: where artifacts lie; what is complete there is not computed again.
        out: the folder for `results.parquet`, `results.json` and `report.html`.
        runner: where task runs go.
        partial: `config` has only some of the audit's backbones, so that this is neither a
            record of the audit nor a baseline, nor a reason to forget what the others stand on.
    """
    whole = ZooAudit(config, Store(store), partial=partial)
    states = each_backbone(audit_backbone, whole.available, runner, store=store)
    return whole.close(states, Path(out))
