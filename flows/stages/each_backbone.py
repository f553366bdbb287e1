"""The subflows of an audit, a search or a sweep: one per backbone, some of them at a time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, cast

from prefect import Flow, State, get_run_logger, tags

from flows.stages.runners import task_runner
from uwm.config import AuditConfig, BackboneConfig, Runner
from uwm.errors import AuditError, UWMError

_RAISED = "Flow run encountered an exception: "


def each_backbone(
    flow: Flow[..., Any], config: AuditConfig, runner: Runner, **parameters: Any
) -> dict[str, State[Any]]:
    """Run `flow` on every backbone of `config`, `config.parallel` of them at a time.

    Args:
        flow: takes `config`, `backbone` and `parameters`.

    Returns:
        How each ended, by the backbone's name.
    """

    def on(backbone: BackboneConfig) -> State[Any]:
        with tags(backbone.name):
            given: dict[str, Any] = {"config": config, "backbone": backbone, **parameters}
            return cast("State[Any]", each(**given, return_state=True))

    with task_runner(runner, config) as runs:
        each = flow.with_options(task_runner=runs)
        pool = ThreadPoolExecutor(config.parallel)
        try:
            ended = {
                backbone.name: pool.submit(copy_context().run, on, backbone)
                for backbone in config.backbones
            }
            return {name: run.result() for name, run in ended.items()}
        finally:
            # On Ctrl-C do not wait for backbones that are still running.
            pool.shutdown(wait=False, cancel_futures=True)


def failures(states: Mapping[str, State[Any]], done: str) -> dict[str, str]:
    """Why runs failed, by backbone; logged, a sentence each.

    Args:
        states: final ones, by backbone.
        done: what should have been done, such as "audited".

    Raises:
        AuditError: all of them failed; the only backbone's own error where that was raised here.
    """
    found = {name: _reason(state) for name, state in states.items() if not state.is_completed()}
    if len(found) < len(states):
        for name, why in found.items():
            get_run_logger().error("%s could not be %s: %s", name, done, why)
        return found
    if len(states) == 1:
        (state,) = states.values()
        error = state.result(raise_on_failure=False) if state.data is not None else None
        if isinstance(error, UWMError):
            raise error
    lines = [f"{name}: {why}" for name, why in found.items()]
    raise AuditError("\n  ".join([f"no backbone could be {done}:", *lines]))


def _reason(state: State[Any]) -> str:
    message = (state.message or "").removeprefix(_RAISED) or "it says no more"
    return message if state.is_failed() else f"{state.name}: {message}"
