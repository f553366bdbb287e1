"""Task runners: threads of this process, processes of this machine, or a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from uwm.backbones.backbone import BACKBONES
from uwm.backbones.load import resolve_device
from uwm.config import AuditConfig, Runner
from uwm.errors import InputError, install

THREADS = 2
"""Task runs of one backbone at a time within a process: one per tower keeps both busy."""
_CONNECT_SECONDS = 5


def check_runner(runner: Runner) -> None:
    """Raise InputError where a runner cannot be had: a package is missing, a cluster is silent."""
    if runner.kind != "dask":
        return
    try:
        import distributed
        import prefect_dask  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"the runner dask needs the package {error.name}; {install('dask')}"
        ) from error
    if runner.dask_address is None:
        return
    try:
        with distributed.Client(
            runner.dask_address, timeout=_CONNECT_SECONDS, set_as_default=False
        ) as client:
            if not client.scheduler_info()["workers"]:
                raise InputError(f"the Dask cluster at {runner.dask_address} has no workers yet")
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {runner.dask_address} ({error}); start one with "
            "`dask scheduler`, or leave --dask-address out for a cluster on this machine"
        ) from error


@contextmanager
def task_runner(runner: Runner, config: AuditConfig) -> Iterator[TaskRunner[Any]]:
    """A task runner for the backbones of an audit, `config.parallel` of which run at a time.

    On CPUs this process computes meanwhile with as many threads as a pass should, and other
    processes with as many as this one, see `Backbone`.

    Raises:
        InputError: see `check_runner`.
    """
    check_runner(runner)
    cores = os.cpu_count() or 1
    backbones = 1 if runner.kind == "dask" else config.parallel  # a cluster is for all of them
    processes = 1 if runner.kind == "threads" else runner.workers or _processes(config, backbones)
    with ExitStack() as stack:
        stack.callback(BACKBONES.allow, BACKBONES.limit)
        BACKBONES.allow(config.parallel)  # other processes are told so with each backbone
        if resolve_device(config.device) == "cpu":
            # Small matrices gain more from a core per backbone than from all cores per matrix.
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(config.threads or max(1, cores // (backbones * processes)))
        if runner.kind == "threads":
            yield ThreadPoolTaskRunner(max_workers=runner.workers or THREADS)
            return
        stack.enter_context(_reachable_server())
        if runner.kind == "processes":
            yield ProcessPoolTaskRunner(max_workers=processes)
            return
        from distributed import LocalCluster
        from prefect_dask.task_runners import DaskTaskRunner

        address = runner.dask_address
        if address is None:
            cluster = LocalCluster(
                n_workers=processes, threads_per_worker=1, dashboard_address=None
            )
            address = stack.enter_context(cluster).scheduler_address
        yield DaskTaskRunner(address=address)


def _processes(config: AuditConfig, backbones: int) -> int:
    """How many fill the cores."""
    return max(1, (os.cpu_count() or 1) // (backbones * (config.threads or 1)))


@contextmanager
def _reachable_server() -> Iterator[None]:
    """Tell other processes of the temporary server of this one, where no other is set.

    Each would otherwise start a server of its own.
    """
    if PREFECT_API_URL.value():
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer  # a second of imports

    server = SubprocessASGIServer()
    server.start()
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        yield
