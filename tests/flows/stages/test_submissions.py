"""Runs follow from specs: what makes an artifact, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from prefect import flow

from flows.stages.stages import Stages
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.stage import stage
from tests.makers.bench import Bench


class Number(Spec):
    kind: ClassVar[str] = "numbers"
    value: int


class Sum(Spec):
    kind: ClassVar[str] = "sums"
    parts: tuple[Input[Spec], ...]


@stage(Number, cost=free)
def write_number(specs: Sequence[Number], store: Store, batch_size: int) -> None:
    for spec in specs:
        if spec.value < 0:
            raise ValueError(f"no number below 0; got {spec.value}")
        store.make(spec, lambda folder: _write(folder, spec.value))


@stage(Sum, cost=free)
def add(specs: Sequence[Sum], store: Store) -> None:
    for spec in specs:
        total = sum(_read(store.path(part)) for part in spec.parts)
        store.make(spec, lambda folder: _write(folder, total))


def _write(folder: Path, value: int) -> None:
    (folder / "value").write_text(str(value))


def _read(folder: Path) -> int:
    return int((folder / "value").read_text())


def numbers(*values: int) -> tuple[Number, ...]:
    return tuple(Number(code="", value=value) for value in values)


def total(*parts: Spec) -> Sum:
    return Sum(code="", parts=parts)


def stages(bench: Bench) -> Stages:
    return Stages(bench.store, bench.backbone, "clip", 16, 0)


def test_what_an_artifact_is_made_of_is_made_before_it(bench: Bench) -> None:
    one, two, three = numbers(1, 2, 3)
    whole = total(total(one, two), total(two, three), three)

    @flow
    def adding() -> tuple[int, list[str]]:
        on = stages(bench)
        on.make([whole], "all")
        on.make([whole], "all")
        return _read(on.read(whole)), [str(spec) for spec in on.used]

    value, used = adding()
    assert value == 11
    assert len(used) == len(set(used)) == 6
    assert used.index(str(whole)) == 5


def test_a_failure_is_the_first_one_not_that_of_what_waited_for_it(bench: Bench) -> None:
    @flow
    def failing() -> None:
        on = stages(bench)
        whole = total(*numbers(1, -1))
        on.make([whole], "all")
        with pytest.raises(ValueError, match="no number below 0; got -1"):
            on.read(whole)

    failing()
