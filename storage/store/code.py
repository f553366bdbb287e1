"""A digest of the code behind a stage, so that changed code is never served old results.

It is derived from what a stage imports: its own module and, transitively, every module of these
packages that those import and that can decide the bytes it writes. Only content counts: not what a
module is called, nor where it lies, nor the order of its imports, comments, docstrings, layout and
imports for type checkers.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import NamedTuple

PACKAGES = frozenset({"uwm", "storage", "tasks"})
"""Whose modules count. A plugin's own package counts besides for its own stages."""
NOT_DECISIVE = {
    "uwm.errors": "what goes wrong ends a stage, and nothing is written",
    "uwm.config": "the values that a stage uses stand in its spec",
    "uwm.shipped": "only says where the shipped files lie; what is read there is digested",
    "uwm.demo": "makes the shipped files; what is read of them is digested",
    "storage.sources": "a data set is addressed by its content, whoever has read it",
    "storage.store.code": "makes these digests",
    "storage.store.spec": "makes addresses; a change of how is a change of every address",
    "storage.store.store": "keeps bytes as they are",
    "storage.store.marker": "lists the bytes of an artifact",
    "storage.store.durable": "keeps bytes as they are",
    "storage.store.integrity": "tells damaged bytes",
    "storage.store.bucket": "moves bytes as they are",
    "storage.store.remote": "moves bytes as they are",
    "storage.store.copies": "removes whole artifacts",
    "storage.store.version": "refuses stores, and writes into no artifact",
    "tasks.cost": "estimates for plans",
    "tasks.stage": "how Prefect runs a stage and shows its progress",
}
"""Modules, and with a package all that is in it, that decide no byte of an artifact, and why not.

What only these import does not count either.
"""

ReadSource = Callable[[str], str]
"""The name of a module to its source."""


class _Import(NamedTuple):
    """`from MODULE import NAME as BOUND`, or `import MODULE as BOUND` without a name."""

    module: str
    name: str
    bound: str


class _Module(NamedTuple):
    """A module's code without its imports of the packages that count, and these imports."""

    code: str
    imports: tuple[_Import, ...]


def source_of(module: str) -> str:
    """The source of a module by its name: a loaded one's file, or else where it would be found.

    Raises:
        ModuleNotFoundError: there is none.
    """
    loaded = sys.modules.get(module)
    path: str | None = getattr(loaded, "__file__", None)
    if path is None and (spec := find_spec(module)) is not None:
        path = spec.origin
    if path is None:
        raise ModuleNotFoundError(f"no source for {module}")
    return Path(path).read_text(encoding="utf-8")


@cache
def code_digest(*modules: str) -> str:
    """The digest for a spec's `code`: of `modules` and all that they import, see above.

    Args:
        modules: names of modules; one that was loaded from a plain file is as good as any.
    """
    return digest_of(modules)


def digest_of(modules: Sequence[str], read: ReadSource = source_of) -> str:
    """`code_digest`, worked out anew from the sources that `read` gives."""
    parsed = {name: _parsed(name, read) for name in decisive_modules(modules, read)}
    alone = {name: _sha256(module.code) for name, module in parsed.items()}
    whole = sorted(
        _sha256(
            module.code,
            # An import is told by the content that it is from, since a name may stand in several.
            *sorted(f"{alone.get(at, '')} {name} {bound}" for at, name, bound in module.imports),
        )
        for module in parsed.values()
    )
    return _sha256(*whole)[:16]


def decisive_modules(modules: Sequence[str], read: ReadSource = source_of) -> frozenset[str]:
    """`modules`, and those that they import and that can decide bytes, transitively."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            imports = _parsed(name, read).imports
            waiting += [at for at, _, _ in imports if not _ignored(at)]
    return frozenset(found)


def _ignored(name: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in NOT_DECISIVE)


def _parsed(name: str, read: ReadSource) -> _Module:
    return _parse(read(name), name if _is_package(name) else name.rpartition(".")[0], name)


@cache
def _parse(source: str, package: str, name: str) -> _Module:
    """A module's code and its imports, from its source.

    Args:
        package: what relative imports are relative to.
    """
    essence = _Essence(package, PACKAGES | {name.partition(".")[0]})
    tree = essence.visit(ast.parse(source))
    return _Module(ast.unparse(tree), tuple(sorted(set(essence.imports))))


class _Essence(ast.NodeTransformer):
    """Takes out docstrings, what only type checkers import, and imports of `roots`."""

    def __init__(self, package: str, roots: frozenset[str]) -> None:
        self.imports: list[_Import] = []
        self._package = package
        self._roots = roots

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
        if getattr(node, "body", None) == [] and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            return [self.visit(part) for part in node.orelse]
        return self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        kept = [alias for alias in node.names if not self._counts(alias.name)]
        for alias in node.names:
            if alias not in kept:
                self.imports.append(_Import(alias.name, "", alias.asname or alias.name))
        return ast.Import(kept) if kept else None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        module = node.module or ""
        if node.level:
            module = resolve_name("." * node.level + module, self._package)
        if not self._counts(module):
            return node
        self.imports += list(_imported(module, node.names))
        return None

    def _counts(self, module: str) -> bool:
        return module.partition(".")[0] in self._roots


def _imported(module: str, names: Sequence[ast.alias]) -> Iterator[_Import]:
    for alias in names:
        bound = alias.asname or alias.name
        if _is_module(f"{module}.{alias.name}"):
            yield _Import(f"{module}.{alias.name}", "", bound)
        else:
            yield _Import(module, alias.name, bound)


@cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # a name inside a module, or a plain file's module
        return False


@cache
def _is_package(name: str) -> bool:
    loaded = sys.modules.get(name)
    if loaded is not None:
        return hasattr(loaded, "__path__")
    spec = find_spec(name) if _is_module(name) else None
    return spec is not None and spec.submodule_search_locations is not None


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\n\n".join(parts).encode()).hexdigest()
