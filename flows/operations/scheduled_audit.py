"""Re-audits of a zoo: the configuration is read at each run, so that the zoo may grow.

The backbones are audited in this process, or each by a run of the deployment of `audit-backbone`,
which workers take.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from prefect import flow
from prefect.client.orchestration import get_client

from flows.audit.flow import audit
from flows.audit.gather import ZooAudit
from flows.audit_file.read import read_config
from flows.operations.deployed import on_workers
from flows.results.table import AuditResults
from storage.store.store import Store
from uwm.errors import AuditError


@flow(name="audit-zoo", flow_run_name="audit zoo · {config.stem}", persist_result=False)
def audit_zoo(
    config: Path,
    store: str,
    out: Path,
    deployment: str | None = None,
    restarts: int = 2,
    silent_minutes: float = 10,
) -> None:
    """Audit the backbones that a YAML file names, as it is now.

    Args:
        config: the file.
        store: a folder or URL of artifacts that every worker reaches.
        out: the folder for the results and the report.
        deployment: FLOW/DEPLOYMENT of `audit-backbone`, whose runs audit the backbones; without one
            this process does.
        restarts: how often a run is started again that crashed; it goes on from its chunks.
        silent_minutes: a run is taken for dead that has not been heard of for so long. Living ones
            send a heartbeat every PREFECT_FLOWS_HEARTBEAT_FREQUENCY seconds (180 unless set).

    Raises:
        AuditError: some backbone could not be audited; the others' results are written.
        InputError: the file breaks rules, or there is no such deployment.
    """
    settings = read_config(config)
    if deployment is None:
        results = audit(settings, store, str(out))
    else:
        whole = ZooAudit(settings, Store(store))
        with get_client(sync_client=True) as client:
            silent = timedelta(minutes=silent_minutes)
            states = on_workers(client, deployment, whole.available, store, restarts, silent)
        results = whole.close(states, out)
    _check(results)


def _check(results: AuditResults) -> None:
    """A zoo that was not audited whole is a failed run in Prefect's eyes."""
    if results.failures:
        names = ", ".join(results.failures)
        raise AuditError(f"results were written without those of {names}; see the report")
