"""Subflows of an audit's backbones: as many at a time as it says, and told how each ended."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Lock
from typing import Any

import pytest
from prefect import State, flow
from prefect.states import Cancelled, Completed, Failed

from flows.stages.each_backbone import each_backbone, failures
from uwm.config import AuditConfig, BackboneConfig, Runner
from uwm.errors import AuditError, InputError

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.parametrize("parallel", [1, 2])
def test_so_many_run_at_a_time_and_each_ends_by_itself(
    small: Callable[..., AuditConfig], parallel: int
) -> None:
    running, most, lock = set[str](), list[int](), Lock()
    together = Barrier(parallel, timeout=30)

    @flow
    def work(config: AuditConfig, backbone: BackboneConfig, extra: str) -> str:
        with lock:
            running.add(backbone.name)
            most.append(len(running))
        together.wait()  # ends only where so many are there
        with lock:
            running.remove(backbone.name)
        if backbone.name == "siglip":
            raise InputError("no such thing")
        return extra

    @flow
    def parent() -> dict[str, State[Any]]:
        config = small("clip", "siglip", parallel=parallel)
        return each_backbone(work, config, Runner(), extra="given")

    states = parent()
    assert max(most) == parallel
    assert states["clip"].result() == "given"
    assert states["siglip"].is_failed()


def test_failures_are_told_by_name_without_prefects_own_words() -> None:
    raised: State[Any] = Failed(
        message="Flow run encountered an exception: InputError: no such data"
    )
    ended = {"vit": Completed(), "siglip": raised, "coca": Cancelled(message="by hand")}

    @flow
    def parent() -> dict[str, str]:
        return failures(ended, "audited")

    assert parent() == {"siglip": "InputError: no such data", "coca": "Cancelled: by hand"}


def test_the_only_backbones_own_error_is_raised() -> None:
    error = InputError("no such data")
    with pytest.raises(InputError) as caught:
        failures({"vit": Failed(data=error)}, "audited")
    assert caught.value is error


def test_where_all_failed_every_reason_is_told() -> None:
    ended: dict[str, State[Any]] = {
        name: Failed(message=f"{name} is broken") for name in ("vit", "siglip")
    }
    with pytest.raises(AuditError) as caught:
        failures(ended, "swept")
    assert str(caught.value).splitlines() == [
        "no backbone could be swept:",
        "  vit: vit is broken",
        "  siglip: siglip is broken",
    ]
