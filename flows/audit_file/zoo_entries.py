"""Zoos: entries of `backbones:` that stand for as many backbones as a folder or a list holds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flows.audit_file.yaml_lines import Problem, listed, parse, problems
from uwm.backbones.catalog import HUGGING_FACE, OPEN_CLIP
from uwm.config import BackboneConfig, Zoo
from uwm.errors import ConfigError
from uwm.wording import plural

_SHOWN = 10
_logger = logging.getLogger(__name__)
_ENTRY: TypeAdapter[BackboneConfig] = TypeAdapter(BackboneConfig)


@dataclass
class Expanded:
    """The entries of `backbones:` with every zoo replaced by what it holds.

    Attributes:
        backbones: plain entries, not validated yet but for those of zoos.
        origins: for each the index of the file's entry, and whether that is a zoo.
        problems: what is wrong with the zoos themselves.
    """

    backbones: Any
    origins: list[tuple[int, bool]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def located(self, found: Iterable[Problem]) -> list[Problem]:
        """Problems of expanded entries, placed at the entries that the file has."""
        placed: list[Problem] = []
        for where, what in found:
            match where:
                case ["backbones", int(index), *rest] if index < len(self.origins):
                    entry, zoo = self.origins[index]
                    # What lies within a zoo has no line in this file but the zoo's.
                    placed.append((("backbones", entry, *([] if zoo else rest)), what))
                case _:
                    placed.append((where, what))
        return placed


def expand(document: Mapping[str, Any], folder: Path) -> Expanded:
    """Look through the zoos of an audit's file; what they hold beside backbones is told.

    Args:
        folder: what relative paths are relative to.
    """
    entries = document.get("backbones")
    if not isinstance(entries, list):
        return Expanded(entries)
    found = Expanded([])
    for index, entry in enumerate(entries):
        if not (isinstance(entry, Mapping) and entry.get("kind") == "zoo"):
            found.backbones.append(entry)
            found.origins.append((index, False))
            continue
        try:
            members = _members(Zoo.model_validate(entry, context={"folder": folder}))
        except ValidationError as error:
            where = ("backbones", index)
            found.problems += [((*where, *inner), what) for inner, what in problems(error)]
            continue
        except ConfigError as error:
            found.problems.append((("backbones", index), str(error)))
            continue
        found.backbones += members
        found.origins += [(index, True)] * len(members)
    return found


def _members(zoo: Zoo) -> list[Any]:
    if zoo.folder is not None:
        return list(_subfolders(zoo.folder, zoo))
    return list(_listed(zoo.list)) if zoo.list is not None else []  # a zoo is one or the other


def _listed(path: Path) -> list[BackboneConfig]:
    """The backbones of a list; its paths are relative to its own file.

    Raises:
        ConfigError: not a list of entries, or entries that break rules, with the list's lines.
    """
    document = parse(path)
    if not isinstance(document, list) or not document:
        raise ConfigError(f"{path} should be a list of entries as under `backbones:`")
    backbones: list[BackboneConfig] = []
    wrong: list[Problem] = []
    for index, entry in enumerate(document):
        try:
            backbones.append(_ENTRY.validate_python(entry, context={"folder": path.parent}))
        except ValidationError as error:
            wrong += [((index, *inner), what) for inner, what in problems(error)]
    if wrong:
        raise listed(path, document, wrong)
    return backbones


def _subfolders(folder: Path, zoo: Zoo) -> list[dict[str, str]]:
    """An entry per subfolder that has a configuration, in the order of names.

    Raises:
        ConfigError: there is none.
    """
    members: list[dict[str, str]] = []
    others: list[str] = []
    for path in sorted(folder.iterdir()):
        if not any((path / name).is_file() for name in (OPEN_CLIP, HUGGING_FACE)):
            others.append(f"{path.name} (no {OPEN_CLIP} or {HUGGING_FACE})")
        elif not _matches(path.name, zoo.include) or _matches(path.name, zoo.exclude):
            others.append(f"{path.name} (by include and exclude)")
        else:
            members.append({"kind": "folder", "name": path.name, "folder": str(path.absolute())})
    shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
    if not members:
        raise ConfigError(
            f"the zoo {folder} holds no backbone: no subfolder with {OPEN_CLIP} or {HUGGING_FACE}"
            + (f"; it has {shown}" if others else "")
        )
    if others:
        _logger.warning(
            "zoo %s: %s; %d left out: %s",
            folder,
            plural(len(members), "backbone"),
            len(others),
            shown,
        )
    return members


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
