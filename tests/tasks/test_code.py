"""Which code stands in the address of which artifact: every module that a stage imports and that
can decide bytes, found by a reader of imports other than the product's own."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import grimp
import pytest

from storage.store.code import NOT_DECISIVE, code_digest, digest_of, source_of
from storage.store.spec import Spec
from tests.makers.specs import spec_classes

CHANGED = "\nCHANGED = 1\n"


class Plain(Spec):
    kind: ClassVar[str] = "plain"


STAGES = sorted({cls.__module__ for cls in spec_classes()})


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "tasks", "storage", "uwm", exclude_type_checking_imports=True, cache_dir=None
    )


def excluded(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NOT_DECISIVE)


def imported(stage: str) -> set[str]:
    """A stage's module and what it imports, but through modules that decide no byte."""
    found, waiting = set[str](), [stage]
    while waiting:
        module = waiting.pop()
        if module not in found and not excluded(module):
            found.add(module)
            waiting += graph().find_modules_directly_imported_by(module)
    return found


def of_changed(stage: str, changed: str) -> str:
    sources = cache(source_of)
    return digest_of([stage], lambda name: sources(name) + CHANGED * (name == changed))


@pytest.mark.parametrize("stage", STAGES)
def test_every_module_that_a_stage_imports_and_none_besides_is_in_its_address(stage: str) -> None:
    before, reached = digest_of([stage]), imported(stage)
    assert len(reached) > 1
    changing = {module for module in graph().modules if of_changed(stage, module) != before}
    assert changing == reached


def test_a_spec_takes_the_digest_of_its_own_module() -> None:
    assert Plain().code == code_digest(__name__)
    assert Plain(code="given").code == "given"


READS_EMBEDDINGS = ("choose", "sweep", "search", "held_out", "evaluate", "drift")
"""Stages whose tables are made from embeddings by `tasks.embeddings`."""


@pytest.mark.parametrize("stage", READS_EMBEDDINGS)
def test_how_embeddings_are_compared_is_in_the_address_of_every_comparison(stage: str) -> None:
    module = f"tasks.{stage}"
    assert of_changed(module, "tasks.embeddings") != digest_of([module])


@pytest.mark.parametrize(
    ("stage", "kept"),
    [
        ("capture", "uwm.method.scoring"),
        ("embed", "tasks.capture"),
        ("edit", "tasks.gradients"),
        ("tune", "uwm.metrics.evaluation"),
        ("choose", "storage.sources.manifest"),
        ("tokens", "storage.files.pictures"),
    ],
)
def test_code_of_other_stages_recomputes_nothing_costly(stage: str, kept: str) -> None:
    module = f"tasks.{stage}"
    assert of_changed(module, kept) == digest_of([module])
