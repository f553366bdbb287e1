"""A digest of the code behind a stage, so that changed code is never served old results.

The digest covers the modules named and, transitively, every module of the method (`uwm`) that they
import. A stage names its own and those of storage that decide the bytes it writes.
Comments, docstrings and layout do not count. Nor do errors, which change no bytes, and
configuration, whose values stand in the specs themselves.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_METHOD = "uwm"
_IGNORED = {"uwm.errors", "uwm.config", "uwm.demo", "uwm.shipped"}


@cache
def code_digest(*modules: str) -> str:
    """SHA-256 of `modules` and what they import of the method, for a `Spec`'s `code`."""
    digest = hashlib.sha256()
    for name in sorted(_closure(modules)):
        digest.update(f"{name}\n{_essence(_source(name))}\n".encode())
    return digest.hexdigest()[:16]


def _closure(modules: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(ast.parse(_source(name)))
    return found


def _imports(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [
        name
        for name in names
        if name.startswith(f"{_METHOD}.") and not _ignored(name) and _is_module(name)
    ]


def _ignored(name: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in _IGNORED)


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a name inside a module, not a module
        return False


def _source(name: str) -> str:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for {name}")
    return Path(spec.origin).read_text()


def _essence(source: str) -> str:
    """The source without comments, layout and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
