"""A method is what it requests: nothing but its own module asks which class it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from uwm.config import EditMethod, GridMethod, Method
from uwm.config.methods import METHODS
from uwm.config.methods.requests import GradientScore, LayerPoints, Selection, StatisticsScore
from uwm.families import TOWERS

ROOT = Path(__file__).parents[4]
CLASSES = {
    base.__name__
    for method in METHODS.own.values()
    for base in method.__mro__
    if issubclass(base, Method)
}
"""Every method and what methods have in common."""


def asked(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every class that is matched on, or asked for by isinstance and the like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.MatchClass):
            found: list[ast.expr] = [node.cls]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found = node.args[1:] if node.func.id in ("isinstance", "issubclass") else []
        elif isinstance(node, ast.Compare) and "type(" in ast.unparse(node.left):
            found = node.comparators
        else:
            continue
        for part in found:
            for name in ast.walk(part):
                if isinstance(name, ast.Name | ast.Attribute):
                    yield name.lineno, name.id if isinstance(name, ast.Name) else name.attr


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(x, Uwm | Neurons)",
        "match x:\n    case config.Layerwise(): pass",
        "type(x) is EditMethod",
        "issubclass(x, (int, Checkpoint))",
    ],
)
def test_the_search_finds_what_asks_for_a_class(code: str) -> None:
    assert CLASSES & {name for _, name in asked(ast.parse(code))}


def test_nothing_matches_on_a_methods_class_outside_its_own_file() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for top in ("flows", "tasks", "storage", "uwm", "examples")
        for path in sorted((ROOT / top).rglob("*.py"))
        if path.parent != ROOT / "uwm" / "config" / "methods"
        for line, name in asked(ast.parse(path.read_text()))
        if name in CLASSES
    ]
    assert wrong == []


EDITING = [
    METHODS.own[kind].model_validate({"kind": kind})
    for kind in ("uwm", "neurons", "set_difference", "g_unsafe", "g_safe_clip")
]


@pytest.mark.parametrize("method", EDITING, ids=lambda method: method.name)
def test_an_editing_method_is_all_that_a_repair_needs(method: Method) -> None:
    edits = method.edits
    assert isinstance(edits, GridMethod)
    for tower in TOWERS:
        assert isinstance(edits.request(tower), StatisticsScore | GradientScore)
        selected = edits.selected_by(tower)
        assert selected is not None
        assert selected.rule in ("mass", "count", "nodes")
        assert edits.points(tower)
        assert edits.blocks_of(tower) == "all"
    alone = type(edits).model_validate(
        {**edits.model_dump(), "roles": {"image": [], "text": ["out"]}}
    )
    assert alone.points("image") == ()


def test_a_layerwise_method_has_a_point_of_its_named_layers() -> None:
    method = METHODS.own["layerwise"].model_validate(
        {"kind": "layerwise", "unit": "node", "settings": {"text.01.fc2": [0.1, -2]}}
    )
    assert isinstance(method, EditMethod)
    ((point,), image) = (method.points(tower) for tower in ("text", "image"))
    assert isinstance(point, LayerPoints)
    assert [(str(id), *both) for id, both in point.layers.items()] == [("text.01.fc2", 0.1, -2)]
    assert (image, method.selected_by("text")) == ((), Selection("nodes"))
    assert (method.roles["text"], method.roles["image"]) == (("fc2",), ())
