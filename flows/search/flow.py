"""The search of every backbone of an audit: one subflow each, one table, one page."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger

from flows.results.table import GAPS
from flows.search.backbone import Searched, search_backbone
from flows.search.page import write_page
from flows.search.results import SearchResults, gathered, write_search
from flows.stages.data import without_missing
from flows.stages.each_backbone import each_backbone, failures
from storage.store.history import record
from storage.store.store import Store
from uwm.config import AuditConfig, Runner, SearchSettings
from uwm.config.reserved import SEARCHED
from uwm.errors import InputError

_THREADS = Runner()


@flow(name="search", flow_run_name="search · {config.name}", persist_result=False)
def search(
    config: AuditConfig,
    settings: SearchSettings,
    store: str,
    out: str,
    runner: Runner = _THREADS,
    *,
    partial: bool = False,
) -> SearchResults:
    """Search every backbone of `config`; what one of them fails at does not stop the others.

    Args:
        config: an audit with `settings` as its search; see `AuditConfig.altered`.
        store: where artifacts lie; points that were measured are not measured again.
        out: the folder for what `flows.search.results.write_search` and the page write.
        runner: where task runs go.
        partial: `config` has only some of the audit's backbones; what others stand on is kept.

    Raises:
        InputError: a method has a name that chosen points get.
        AuditError: no backbone was searched; its own error where there is but one.
    """
    if taken := [item.name for item in config.edit_methods if item.name.startswith(SEARCHED)]:
        raise InputError(
            f"what a search chooses is called {SEARCHED!r} and more; rename {', '.join(taken)}"
        )
    there, gaps = without_missing(config)
    if gaps:
        get_run_logger().warning("%s", "\n  ".join([GAPS, *gaps.values()]))
    states = each_backbone(search_backbone, there, runner, search=settings, store=store)
    failed = failures(states, "searched")
    found: dict[str, Searched] = {
        name: state.result() for name, state in states.items() if name not in failed
    }
    results = gathered(config, settings, found, gaps, failed)
    write_search(Path(out), results)
    write_page(Path(out) / "search.html", results)
    record(
        Store(store),
        config.name,
        "search",
        {name: part.used for name, part in found.items()},
        backbones=None if partial else [backbone.name for backbone in config.backbones],
    )
    return results
