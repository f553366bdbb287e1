"""Code of one's own, without a fork: what installed packages offer, and what plain files define.

A plugin is named in one of two ways. NAME is an entry point of an installed package, in the group
of its kind (`uwm.methods`, `uwm.metrics`, `uwm.sources`, `uwm.backbones`, `uwm.sections`).
`path/to/file.py:NAME` is what a single file defines: code of the person who wrote the
configuration, run as any script of theirs is. A path is never taken from a store or from a model
folder. This module imports no torch.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Any, TypeVar

from uwm.errors import PluginError

T = TypeVar("T")
_LOADING = RLock()


def is_file_plugin(reference: str) -> bool:
    """Whether a reference has the form `path/to/file.py:NAME`."""
    path, _, name = reference.rpartition(":")
    return path.endswith(".py") and name.isidentifier()


def absolute(reference: str, folder: Path) -> str:
    """The reference with its path in full; relative ones are relative to `folder`."""
    if not is_file_plugin(reference):
        return reference
    path, _, name = reference.rpartition(":")
    return f"{(folder / Path(path).expanduser()).resolve()}:{name}"


def installed(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name.

    Raises:
        PluginError: two packages offer one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in found and found[point.name].value != point.value:
            raise PluginError(
                f"two installed packages offer {point.name} in {group}: "
                f"{found[point.name].value} and {point.value}; uninstall one of them"
            )
        found[point.name] = point
    return found


def load_plugin(reference: str, group: str) -> Any:
    """What a reference names. A file is run once, and again when its content has changed.

    Raises:
        PluginError: there is no such file, name or entry point, or it fails when it is imported.
    """
    if is_file_plugin(reference):
        path, _, name = reference.rpartition(":")
        module = _module(Path(path))
        if not hasattr(module, name):
            raise PluginError(f"{path} defines no {name}; name what it defines after the colon")
        return getattr(module, name)
    points = installed(group)
    if reference not in points:
        known = ", ".join(sorted(points)) or "none"
        raise PluginError(
            f"a plugin is `path/to/file.py:NAME` or a name that an installed package offers in "
            f"{group} ({known}); got {reference!r}"
        )
    try:
        return points[reference].load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{points[reference].value} cannot be imported: {error}") from error


def plugin_module(reference: str, group: str) -> str:
    """The name of the module that defines what a reference names, loaded.

    Raises:
        PluginError: as `load_plugin`.
    """
    load_plugin(reference, group)
    if is_file_plugin(reference):
        return _module(Path(reference.rpartition(":")[0])).__name__
    return installed(group)[reference].module


def load_class(
    reference: str, base: type[T], folder: Path | None = None, *, group: str = ""
) -> type[T]:
    """The class that a reference names.

    Args:
        base: what it must be a subclass of.
        folder: what a relative path is relative to; the current one where it is not given.

    Raises:
        PluginError: as of `load_plugin`, or it names something else than such a class.
    """
    found = load_plugin(absolute(reference, folder or Path.cwd()), group)
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise PluginError(f"{reference} is not a subclass of {base.__module__}.{base.__name__}")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise PluginError(f"{reference} does not define {lacking}, as a {base.__name__} has to")
    return found


class _ContentLoader(SourceFileLoader):
    """Runs a content that has been read, so that it is the one that the module is named after.

    Python's own loader reads the file once more, and prefers bytecode that it kept of an earlier
    content where size and time of the file are the same.
    """

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self._content = content

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._content, self.path)


def _module(path: Path) -> ModuleType:
    """The module that a file is, under a name of its own for every content that it had."""
    try:
        content = path.resolve().read_bytes()
    except OSError as error:
        raise PluginError(f"cannot read the plugin {path}: {error.strerror}") from error
    digest = hashlib.sha256(str(path.resolve()).encode() + b"\n" + content).hexdigest()
    name = f"uwm_plugin_{path.stem}_{digest[:16]}"
    with _LOADING:
        if name in sys.modules:
            return sys.modules[name]
        loader = _ContentLoader(name, str(path.resolve()), content)
        spec = spec_from_file_location(name, path.resolve(), loader=loader)
        if spec is None or spec.loader is None:
            raise PluginError(f"{path} is no Python file")
        module = module_from_spec(spec)
        sys.modules[name] = module  # before it runs, as for every import: dataclasses look there
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise PluginError(
                f"{path} fails when it is imported: {type(error).__name__}: {error}"
            ) from error
        return module
