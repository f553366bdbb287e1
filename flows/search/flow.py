"""The search of every backbone of an audit: one subflow each, one table, one page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from prefect import State, flow, get_run_logger, tags

from flows.results.table import GAPS
from flows.search.backbone import PREFIX, Searched, search_backbone
from flows.search.page import write_page
from flows.search.results import SearchResults, gathered, write_search
from flows.stages.data import without_missing
from flows.stages.runners import task_runner
from storage.store.store import Store
from uwm.config import AuditConfig, BackboneConfig, Runner, SearchSettings
from uwm.errors import AuditError, InputError, UWMError


@flow(name="search", flow_run_name="search · {config.name}", persist_result=False)
def search(config: AuditConfig, settings: SearchSettings, store: str, out: str) -> SearchResults:
    """Search every backbone of `config`; what one of them fails at does not stop the others.

    Args:
        config: an audit with `settings` as its search; see `with_search`.
        store: where artifacts lie; points that were measured are not measured again.
        out: the folder for what `flows.search.results.write_search` and the page write.

    Raises:
        InputError: a method has a name that chosen points get.
        AuditError: no backbone was searched; its own error where there is but one.
    """
    if taken := [item.name for item in config.edit_methods if item.name.startswith(PREFIX)]:
        raise InputError(
            f"what a search chooses is called {PREFIX!r} and more; rename {', '.join(taken)}"
        )
    there, gaps = without_missing(config)
    if gaps:
        get_run_logger().warning("%s", "\n  ".join([GAPS, *gaps.values()]))
    with task_runner(Runner(), config) as runs:
        each = search_backbone.with_options(task_runner=runs)

        def searched(backbone: BackboneConfig) -> State[Any]:
            with tags(backbone.name):
                return each(there, settings, backbone, store, return_state=True)

        with ThreadPoolExecutor(config.parallel) as pool:
            ended = {
                backbone.name: pool.submit(copy_context().run, searched, backbone)
                for backbone in config.backbones
            }
            states = {name: run.result() for name, run in ended.items()}
    found: dict[str, Searched] = {}
    failures: dict[str, str] = {}
    for name, state in states.items():
        result = state.result(raise_on_failure=False)
        if isinstance(result, Searched):
            found[name] = result
        elif len(states) == 1 and isinstance(result, UWMError):
            raise result
        else:
            failures[name] = str(result)
            get_run_logger().error("%s could not be searched: %s", name, result)
    if not found:
        lines = [f"{name}: {said}" for name, said in failures.items()]
        raise AuditError("\n  ".join(["no backbone could be searched:", *lines]))
    results = gathered(config, settings, found, gaps, failures)
    write_search(Path(out), results)
    write_page(Path(out) / "search.html", results)
    used = [name for part in found.values() for name in part.used]
    Store(store).record(f"{config.name}-search", used)
    return results


def with_search(config: AuditConfig, settings: SearchSettings) -> AuditConfig:
    """The audit with this search as its own, so that its captures serve the search, too.

    Raises:
        ValidationError: the audit is not one that can be searched, see `AuditConfig`.
    """
    return AuditConfig.model_validate({**dict(config), "search": settings})
