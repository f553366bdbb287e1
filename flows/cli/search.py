"""`uwm search`: better trade-offs between safety and knowledge than the paper's settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import ValidationError

from flows.cli.audit import show_plan
from flows.cli.console import console, say
from flows.cli.options import (
    DONE,
    FAILED,
    OUT,
    STORE,
    THREADS,
    BackboneOption,
    PlanOption,
    RunnerOptions,
    StoreOption,
    ready,
    writable,
)
from storage.store.store import Store
from uwm.config import AuditConfig, SearchSettings
from uwm.errors import InputError
from uwm.wording import plural

if TYPE_CHECKING:
    from flows.plan.plan import Plan


def search(
    config: Path,
    *,
    store: StoreOption = STORE,
    out: Path | None = None,
    budget: Annotated[int | None, Parameter(validator=Number(gte=2, lte=100_000))] = None,
    seed: int | None = None,
    backbone: BackboneOption = None,
    runner: RunnerOptions = THREADS,
    plan: PlanOption = False,
) -> int:
    """Search shares and factors per layer on validation pairs, and measure the best on the test.

    Needs the extra `search`. Killed and started again, it goes on where it was; with a larger
    budget, too.

    For example:

        uwm search mine.yaml --budget 4
        uwm search mine.yaml --budget 160 --plan

    Parameters
    ----------
    config
        the YAML file of an audit with `validation` pairs; its section `search` says what to vary.
    out
        folder for the results; by default .uwm/out/NAME-search, NAME being the audit's.
    budget
        points to try per backbone, in place of the file's.
    seed
        of the search, in place of the file's.
    """
    from flows.audit_file.read import only, read_config
    from uwm.search.proposals import optuna_version

    whole = read_config(config)
    read = only(whole, backbone)
    settings = _settings(read.search, budget=budget, seed=seed)
    try:
        searched = read.altered(search=settings)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"{config}: {said}") from error
    where = runner.checked()
    artifacts = Store(store, reading=plan)
    optuna_version()
    planned = partial(_planned, settings)
    if plan:
        return show_plan(searched, artifacts, planned)
    folder = writable(out or OUT / f"{read.name}-search")
    ready(searched, where, artifacts, planned)
    from flows.report.terminal import print_table
    from flows.search.flow import search as search_flow

    some = len(read.backbones) < len(whole.backbones)
    results = search_flow(searched, settings, artifacts.url, str(folder), where, partial=some)
    say("")
    print_table(console(), results.test)
    for sentence in results.sentences:
        say(sentence)
    names = ("search.parquet", "results.parquet", "search.json", "search.html")
    for name in (*names, *(f"{backbone}.yaml" for backbone in results.found)):
        say(folder / name)
    return FAILED if results.test.failures else DONE


def _settings(base: SearchSettings | None, **given: int | None) -> SearchSettings:
    """The file's search with what was given on the command line in its place."""
    kept = {name: getattr(base, name) for name in base.model_fields_set} if base else {}
    changes = {name: value for name, value in given.items() if value is not None}
    return SearchSettings.model_validate({**kept, **changes})


def _planned(search: SearchSettings, settings: AuditConfig, artifacts: Store) -> Plan:
    from flows.plan.plan import make_plan
    from flows.search.backbone import lay_out_known

    made = make_plan(
        settings, artifacts, lambda stages, known: lay_out_known(stages, known, search)
    )
    made.unknown.append(
        f"the edits of up to {plural(search.budget, 'point')} per backbone, each run over the "
        "validation data of the towers that it edits, and those of them that are measured on the "
        "test data"
    )
    return made
