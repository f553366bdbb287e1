"""A YAML file with its line numbers: read, and what is wrong with it told line by line."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from flows.audit_file import bounds
from uwm.config import Settings
from uwm.errors import ConfigError
from uwm.wording import plural

Location = Sequence[int | str]
Problem = tuple[Location, str]
"""Where in the document, and what is wrong there."""
_TOLD, _HINTED = 50, 20
_SHOWN, _LONGEST = 200, 1500
"""Problems listed, those of them with a near key; characters of a value, and of a line."""


def parse(path: Path) -> Any:
    """The file's content, mappings and sequences with their lines.

    Raises:
        ConfigError: no such file, beyond the bounds of a configuration, or not YAML.
    """
    try:
        text = bounds.read_text(path)
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return _loaded(text, str(path), YAML())


def parse_text(text: str) -> Any:
    """A value given on the command line as YAML or JSON.

    Raises:
        ConfigError: it is neither, or beyond the bounds of a configuration.
    """
    return _loaded(text, repr(text[:_SHOWN]), YAML(typ="safe"))


def _loaded(text: str, what: str, yaml: YAML) -> Any:
    try:
        bounds.check_nodes(text)
        return yaml.load(text)
    except bounds.BoundsError as error:
        raise ConfigError(f"{what}, line {error.line}: no configuration: {error}") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{what}, line {line}: not YAML: {error.problem}") from error
    except YAMLError as error:
        raise ConfigError(f"{what}: not YAML: {error}") from error
    except Exception as error:  # values are built by tags, and fail in every way
        if found := bounds.unreadable_scalar(text):
            line, value = found
            raise ConfigError(
                f"{what}, line {line}: {value!r} looks like a number or a date and is none: "
                f"{error}. Put it in quotes, or correct it"
            ) from error
        raise ConfigError(f"{what}: not YAML that can be read: {error}") from error


def problems(error: ValidationError) -> list[Problem]:
    """What pydantic found, each once and in words."""
    details = error.errors()
    short = [detail for detail in details if not _echo(detail, details)]
    return [
        (detail["loc"], _explain(detail, near=position < _HINTED))
        for position, detail in enumerate(short)
    ]


def listed(path: Path, document: Any, found: Sequence[Problem]) -> ConfigError:
    """The error that tells every problem of a file with its line."""
    lines = sorted(
        {(_line(document, where), _dotted(document, where), what) for where, what in found}
    )
    told = [
        f"  line {line}: {name[:_SHOWN] + ': ' if name else ''}{what[:_LONGEST]}"
        for line, name, what in lines[:_TOLD]
    ]
    if more := len(lines) - len(told):
        told.append(f"  and {more} more")
    return ConfigError("\n".join([f"{path} has {plural(len(lines), 'problem')}:", *told]))


def _echo(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether a list is only called too short because its items are wrong."""
    where = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(where)] == where and len(other["loc"]) > len(where) for other in details
    )


def _explain(detail: ErrorDetails, *, near: bool) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        if not near or len(key) > _SHOWN:
            return "unknown key"
        known = {name for model in _models(Settings) for name in model.model_fields}
        meant = difflib.get_close_matches(key, known, n=1)
        return "unknown key" + (f"; did you mean {meant[0]!r}?" if meant else "")
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = detail.get("input")
    if detail["type"] != "missing" and isinstance(given, str | int | float | Path):
        message += f"; got {given if isinstance(given, Path) else _short(given)}"
    return message


def _short(given: str | int | float) -> str:
    try:
        said = repr(given)
    except ValueError:  # Python writes no integer of thousands of digits
        return f"a number of some {given.bit_length() if isinstance(given, int) else 0} bits"
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}..."


def _models(root: type[Settings]) -> list[type[Settings]]:
    return [root, *(found for child in root.__subclasses__() for found in _models(child))]


def _line(document: Any, where: Location) -> int:
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


def _dotted(document: Any, where: Location) -> str:
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
