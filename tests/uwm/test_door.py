"""`import uwm`: its names, and what it does not load."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import uwm


def test_every_public_name_is_there_and_documented() -> None:
    for name in uwm.__all__:
        value = getattr(uwm, name)
        assert value.__name__ == name
        assert inspect.getdoc(value), f"uwm.{name} has no docstring"


def test_type_checkers_see_the_names_that_a_session_has() -> None:
    tree = ast.parse(Path(inspect.getfile(uwm)).read_text())
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(seen) == {*uwm.__all__} - {"UWMError"}
    for name, module in seen.items():
        assert getattr(sys.modules[str(module)], name) is getattr(uwm, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sage'"):
        getattr(uwm, "sage")  # noqa: B009
    assert {*uwm.__all__} <= {*dir(uwm)}


@pytest.mark.parametrize("heavy", ["torch", "prefect", "pandas", "numpy", "pydantic", "open_clip"])
def test_importing_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, uwm; raise SystemExit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_session_loads_no_workflow_and_no_store() -> None:
    code = """
import sys, uwm
for name in uwm.__all__:
    getattr(uwm, name)
raise SystemExit(any(name in sys.modules for name in ("prefect", "storage", "tasks", "flows")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_wheel_says_that_it_is_typed() -> None:
    assert Path(inspect.getfile(uwm)).with_name("py.typed").is_file()
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["uwm"]
