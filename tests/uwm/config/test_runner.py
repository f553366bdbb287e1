"""Where task runs go: settings that contradict one another are refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from uwm.config import Runner

ADDRESS = "tcp://127.0.0.1:8786"


def test_threads_of_this_process_are_the_default() -> None:
    assert Runner() == Runner(kind="threads", workers=None, dask_address=None)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "processes", "dask_address": ADDRESS}, "needs the runner dask"),
        ({"kind": "dask", "dask_address": ADDRESS, "workers": 2}, "the running cluster decides"),
        ({"kind": "dask", "dask_address": "127.0.0.1:8786"}, "match pattern"),
        ({"workers": 0}, "greater than or equal to 1"),
        ({"kind": "slurm"}, "'threads', 'processes' or 'dask'"),
    ],
)
def test_what_cannot_run_stages_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Runner.model_validate(settings)


def test_a_scheduler_that_runs_and_a_cluster_of_so_many_are_both_dask() -> None:
    assert Runner(kind="dask", dask_address=ADDRESS).dask_address == ADDRESS
    assert Runner(kind="dask", workers=2).workers == 2
