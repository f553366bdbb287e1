"""How tests stand to one another, and to the code that they test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGES = ("uwm", "storage", "tasks", "flows")
SHARED = ("tests.makers", "tests.benchmarks", "tests.soak")
"""What tests may import from beside them: makers of what they test on, measurements, the soak."""


BY_NAME = ("getattr", "setattr", "delattr", "patch")


def trees(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((TESTS.parent / folder).rglob("*.py")):
            yield path.relative_to(TESTS.parent), ast.parse(path.read_text())


def private(name: str) -> bool:
    return name.strip("_") != "" and name.startswith("_") and not name.endswith("__")


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Where a module imports which other."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def test_tests_import_nothing_from_other_tests() -> None:
    found = [
        f"{path}:{line} imports {module}"
        for path, tree in trees("tests")
        for line, module in imports(tree)
        if module.split(".")[0] == "tests" and not module.startswith(SHARED)
    ]
    assert found == [], "what tests share is a maker, in tests/makers"


def last(dotted: str) -> str:
    return dotted.rpartition(".")[2]


def defined() -> set[str]:
    """The private names that the code gives to functions, classes, fields and variables."""
    return {
        name
        for _, tree in trees(*PACKAGES)
        for node in ast.walk(tree)
        for name in (
            [node.name]
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
            else [node.id]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            else [node.attr]
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            else []
        )
        if private(name)
    }


def reached(tree: ast.Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """Where a module takes one of these from something else: `of._x`, an import, `setattr`."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) if name in names:
                yield node.lineno, name
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in PACKAGES:
                yield from ((node.lineno, item.name) for item in node.names if private(item.name))
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=args) if (
                called in BY_NAME
            ):
                texts = [str(arg.value) for arg in args if isinstance(arg, ast.Constant)]
                yield from ((node.lineno, text) for text in texts if last(text) in names)


def test_tests_reach_no_privates() -> None:
    names = defined()
    found = [
        f"{path}:{line} reaches {name}"
        for path, tree in trees("tests")
        for line, name in reached(tree, names)
    ]
    assert found == [], "a test states what callers can rely on"


@pytest.mark.parametrize(
    "code",
    ["a._x", "from uwm.layers import _y", "monkeypatch.setattr(a, '_x', 1)", "patch('uwm.a._x')"],
)
def test_every_way_to_a_private_is_seen(code: str) -> None:
    assert len(list(reached(ast.parse(code), {"_x"}))) == 1
