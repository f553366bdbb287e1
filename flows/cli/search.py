"""`uwm search`: better trade-offs between safety and knowledge than the paper's settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from pydantic import ValidationError
from rich.console import Console

from flows.cli.options import (
    DONE,
    FAILED,
    OUT,
    STORE,
    OutOption,
    StoreOption,
    fetch,
    prepare_prefect,
    writable,
)
from storage.store.store import Store
from uwm.config import SearchSettings
from uwm.errors import InputError


def search(
    config: Path,
    *,
    store: StoreOption = STORE,
    out: OutOption | None = None,
    budget: Annotated[int | None, Parameter(validator=Number(gte=2, lte=100_000))] = None,
    seed: int | None = None,
) -> int:
    """Search shares and factors per layer on validation pairs, and measure the best on the test.

    Needs the extra `search`. Killed and started again, it goes on where it was; with a larger
    budget, too.

    Parameters
    ----------
    config
        the YAML file of an audit with `validation` pairs; its section `search` says what to vary.
    out
        defaults to .uwm/out/NAME-search, NAME being the audit's.
    budget
        points to try per backbone, in place of the file's.
    seed
        of the search, in place of the file's.
    """
    from flows.audit_file.read import read_config
    from uwm.search.proposals import optuna_version

    read = read_config(config)
    changes = {"budget": budget, "seed": seed}
    settings = (read.search or SearchSettings()).model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    artifacts = Store(store)
    folder = writable(out or OUT / f"{read.name}-search")
    optuna_version()
    fetch(read)
    prepare_prefect()
    from flows.report.terminal import print_table
    from flows.search.flow import search as search_flow
    from flows.search.flow import with_search

    try:
        audit = with_search(read, settings)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"{config}: {said}") from error
    results = search_flow(audit, settings, artifacts.url, str(folder))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print()
    print_table(console, results.test)
    for said in results.sentences:
        console.print(said, markup=False, highlight=False)
    names = ("search.parquet", "results.parquet", "search.json", "search.html")
    for name in (*names, *(f"{backbone}.yaml" for backbone in results.found)):
        console.print(f"{folder / name}", soft_wrap=True, highlight=False)
    return FAILED if results.test.failures else DONE
