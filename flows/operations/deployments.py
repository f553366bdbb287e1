"""Deployments of an audit: on a schedule, backbone by backbone on demand, and the clearing.

`prefect.yaml` declares the same for a checkout; these are made from a configuration file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.types.entrypoint import EntrypointType

from flows.audit.backbone import audit_backbone
from flows.operations.scheduled_audit import audit_zoo
from flows.operations.store_gc import store_gc
from uwm.errors import InputError

BACKBONE = f"{audit_backbone.name}/{audit_backbone.name}"
"""The deployment whose runs workers take, one per backbone."""


@dataclass(frozen=True)
class Schedule:
    """When, as cron, in UTC; None for on demand only."""

    audit: str | None
    gc: str | None


def deployments(
    name: str, config: Path, store: str, out: Path, schedule: Schedule, *, spread: bool
) -> list[RunnerDeployment]:
    """Those of one audit.

    Args:
        name: the audit's.
        spread: have backbones audited by runs of their own, which workers take.
    """
    audit = {
        "config": str(config.resolve()),
        "store": store,
        "out": str(out.resolve()),
        **({"deployment": BACKBONE} if spread else {}),
    }
    made = [
        _deployment(
            audit_zoo,
            f"re-audit-{name}",
            "Audits the zoo as its file names it then; only what is new or changed is computed.",
            parameters=audit,
            cron=schedule.audit,
            concurrency_limit=1,
        ),
        _deployment(
            store_gc,
            f"{store_gc.name}-{name}",
            "Deletes what no recorded audit stands on.",
            parameters={"store": store},
            cron=schedule.gc,
            concurrency_limit=1,
        ),
    ]
    if spread:
        made.append(
            _deployment(
                audit_backbone,
                audit_backbone.name,
                "One backbone of an audit; the parent flow starts one run per backbone.",
            )
        )
    return made


def deploy(made: Sequence[RunnerDeployment], pool: str, backbone_pool: str) -> list[str]:
    """Register deployments for workers; their names, FLOW/DEPLOYMENT.

    Args:
        pool: of the workers for all but backbones.
        backbone_pool: of those for backbones. Another pool, since a parent waits for its backbones:
            where it took the last place for their runs, it would wait for ever.

    Raises:
        InputError: there is no such pool, or it is the same.
    """
    if pool == backbone_pool:
        raise InputError(
            f"backbones need a pool of their own; both are {pool!r}. A parent that waits for its "
            "backbones would take the place of one"
        )
    with get_client(sync_client=True) as client:
        for name in (pool, backbone_pool):
            try:
                client.read_work_pool(name)
            except ObjectNotFound as error:
                raise InputError(
                    f"there is no work pool {name!r} on this server; make one with "
                    f"`prefect work-pool create {name} --type process`"
                ) from error
    for deployment in made:
        for_backbone = deployment.flow_name == audit_backbone.name
        deployment.apply(work_pool_name=backbone_pool if for_backbone else pool)
    return [f"{deployment.flow_name}/{deployment.name}" for deployment in made]


def _deployment(
    flow: Flow[..., Any], name: str, description: str, **options: Any
) -> RunnerDeployment:
    found = flow.to_deployment(
        name,
        description=description,
        tags=["uwm"],
        # Wherever uwm is installed; a path would be of this machine only.
        entrypoint_type=EntrypointType.MODULE_PATH,
        **options,
    )
    return cast("RunnerDeployment", found)  # outside of any coroutine
