"""The tests mirror the code: what has logic has a test file at its own path, or is listed here."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("uwm", "storage", "tasks", "flows")
ELSEWHERE = {
    # A package's door, whose names and imports are what there is to test.
    "uwm/__init__.py": "uwm/test_door.py",
    "storage/sources/__init__.py": "storage/sources/test_source.py",
    # What is shipped is tested, and that the generator makes it.
    "uwm/demo/": "uwm/demo/test_generator.py",
    # Reached only by way of a backbone's files, which these write in every form.
    "uwm/backbones/places/": "uwm/backbones/test_locate.py",
    "uwm/backbones/located.py": "uwm/backbones/test_locate.py",
    "uwm/backbones/hugging_face/borrowed.py": "uwm/backbones/hugging_face/test_names.py",
    "uwm/backbones/hugging_face/tokenizers.py": "uwm/backbones/test_tokens.py",
    "uwm/backbones/hugging_face/trunks.py": "uwm/backbones/hugging_face/test_config.py",
    "uwm/backbones/hugging_face/write.py": "uwm/backbones/test_write.py",
    "uwm/config/methods/redirect_controls.py": "uwm/config/methods/test_redirect.py",
    "storage/formats/block_means.py": "uwm/method/test_ablation.py",
    # A stage reads, calls one function, writes: its laws are that function's, or its flow's.
    "tasks/ablation.py": "uwm/method/test_ablation.py",
    "tasks/counted.py": "tasks/test_sweep.py",
    "tasks/drift.py": "flows/sections/test_drift.py",
    "tasks/held_out.py": "flows/sections/test_held_out.py",
    "tasks/inspect.py": "flows/inspection/test_flow.py",
    "tasks/rewritten.py": "uwm/method/test_erasure.py",
    "tasks/search.py": "flows/search/test_flow.py",
    # Steps of one flow, of which only the whole promises anything.
    "flows/audit/": "flows/audit/test_flow.py",
    "flows/audit_file/yaml_lines.py": "flows/audit_file/test_read.py",
    "flows/cli/": "flows/cli/test_app.py",
    "flows/inspection/page.py": "flows/inspection/test_flow.py",
    "flows/operations/": "flows/operations/test_deployed.py",
    "flows/search/": "flows/search/test_flow.py",
    "flows/stages/": "flows/stages/test_stages.py",
    "flows/sweep/": "flows/sweep/test_flow.py",
}
"""Modules, and folders of them, whose laws another test file states."""


@cache
def untested() -> tuple[str, ...]:
    """The modules that define a function or a class and have no test file at their path."""
    return tuple(
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if any(
            isinstance(node, ast.FunctionDef | ast.ClassDef)
            for node in ast.parse(path.read_text()).body
        )
        and not (ROOT / "tests" / path.relative_to(ROOT)).with_name(f"test_{path.name}").exists()
    )


def listed(module: str) -> bool:
    return module in ELSEWHERE or any(
        module.startswith(place) for place in ELSEWHERE if place.endswith("/")
    )


def test_what_has_logic_has_a_test_file() -> None:
    assert [module for module in untested() if not listed(module)] == []


@pytest.mark.parametrize(("place", "test"), ELSEWHERE.items())
def test_what_is_listed_is_without_one_and_tested_where_it_says(place: str, test: str) -> None:
    assert any(module.startswith(place) for module in untested()), "take it off the list"
    assert (ROOT / "tests" / test).is_file()
