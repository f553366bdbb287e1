"""An audit's YAML file: read, checked as a whole, and every problem told with its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from storage.sources import read_source
from uwm.catalog import model_config
from uwm.checkpoint import check_available
from uwm.config import AuditConfig, Benchmarks, EditMethod, PairsConfig, Settings, ZeroShotConfig
from uwm.errors import ConfigError, InputError, MissingSetError
from uwm.layers import TOWERS, check_roles, family_of

Location = Sequence[int | str]


def read_config(path: Path) -> AuditConfig:
    """The audit that a YAML file describes; relative paths are relative to the file.

    Raises:
        ConfigError: everything that is wrong with it, one line each.
    """
    document, config = _validated(path)
    if problems := _impossible(config):
        raise _listed(path, document, problems)
    return config


def read_outline(path: Path) -> AuditConfig:
    """The same, without a look at the data and backbones that it names.

    Raises:
        ConfigError: the file itself breaks rules, one line each.
    """
    return _validated(path)[1]


def _validated(path: Path) -> tuple[CommentedMap, AuditConfig]:
    document = _parse(path)
    try:
        return document, AuditConfig.model_validate(document, context={"folder": path.parent})
    except ValidationError as error:
        details = error.errors()
        found = [
            (detail["loc"], _explain(detail)) for detail in details if not _echo(detail, details)
        ]
        raise _listed(path, document, found) from None


def _listed(
    path: Path, document: CommentedMap, problems: Sequence[tuple[Location, str]]
) -> ConfigError:
    lines = sorted(
        {(_line(document, where), _dotted(document, where), what) for where, what in problems}
    )
    listed = "\n".join(
        f"  line {line}: {name + ': ' if name else ''}{what}" for line, name, what in lines
    )
    return ConfigError(f"{path} has {len(lines)} problem{'s'[: len(lines) > 1]}:\n{listed}")


def _parse(path: Path) -> CommentedMap:
    try:
        document = YAML().load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: not YAML: {error.problem}") from error
    except YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(document, CommentedMap):
        raise ConfigError(
            f"{path} should be a mapping with the keys {', '.join(AuditConfig.model_fields)}; "
            f"it is a {type(document).__name__}"
        )
    return document


def _impossible(config: AuditConfig) -> list[tuple[Location, str]]:
    """What only looking can tell: missing backbones and roles, data that cannot be read."""
    problems: list[tuple[Location, str]] = []
    missing: list[tuple[Location, str]] = []
    for where, data in _sources(config):
        try:
            read_source(data, config.seed)
        except MissingSetError as error:
            missing.append((where, str(error)))
        except InputError as error:
            problems.append((where, str(error)))
    if len(missing) == len(config.zeroshot_sets):  # some may be missing, not all of them
        problems += missing
    for index, backbone in enumerate(config.backbones):
        try:
            found = model_config(backbone)
            families = {
                tower: family_of(found, tower) for tower in TOWERS if config.edited_roles(tower)
            }
            check_available(backbone)
        except InputError as error:
            problems.append((("backbones", index), str(error)))
            continue
        for position, method in enumerate(config.methods):
            if isinstance(method, EditMethod):
                for tower, family in families.items():
                    try:
                        check_roles(family, getattr(method.roles, tower))
                    except InputError as error:
                        where = ("methods", position, "roles", tower)
                        problems.append((where, f"{backbone.name}: {error}"))
    return problems


def _sources(config: AuditConfig) -> Iterator[tuple[Location, PairsConfig | ZeroShotConfig]]:
    yield ("calibration",), config.calibration
    if config.validation is not None:
        yield ("validation",), config.validation
    for index, pairs in enumerate(config.benchmarks):
        yield ("benchmarks", index), pairs
    for index, item in enumerate(config.zeroshot):
        for labelled in item.members if isinstance(item, Benchmarks) else (item,):
            yield ("zeroshot", index), labelled


def _echo(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is only called too short because its items are wrong."""
    where = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(where)] == where and len(other["loc"]) > len(where) for other in details
    )


def _explain(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        known = {name for model in _models(Settings) for name in model.model_fields}
        near = difflib.get_close_matches(key, known, n=1)
        return "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = detail.get("input")
    if detail["type"] != "missing" and isinstance(given, str | int | float | Path):
        message += f"; got {given if isinstance(given, Path) else repr(given)}"
    return message


def _models(root: type[Settings]) -> list[type[Settings]]:
    return [root, *(found for child in root.__subclasses__() for found in _models(child))]


def _line(document: CommentedMap, where: Location) -> int:
    """The line of the innermost part of `where` that is in the document."""
    node: Any = document
    line = document.lc.line
    for part in where:
        if isinstance(node, CommentedMap) and part in node:
            line, node = node.lc.key(part)[0], node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line, node = node.lc.item(part)[0], node[part]
        # else: the tag of a union, which pydantic names and the file does not
    return int(line) + 1


def _dotted(document: CommentedMap, where: Location) -> str:
    """`methods[1].tau`: the place without union tags; a missing key stays."""
    node: Any = document
    name = ""
    for position, part in enumerate(where):
        if isinstance(node, CommentedMap | CommentedSeq) and isinstance(part, int):
            name += f"[{part}]"
        elif isinstance(part, int):
            continue  # a single value where a list may stand
        elif (isinstance(node, CommentedMap) and part in node) or position == len(where) - 1:
            name += f".{part}" if name else str(part)
        else:
            continue
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            node = None
    return name
