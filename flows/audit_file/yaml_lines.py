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

from uwm.config import Settings
from uwm.errors import ConfigError
from uwm.wording import plural

Location = Sequence[int | str]
Problem = tuple[Location, str]
"""Where in the document, and what is wrong there."""


def parse(path: Path) -> Any:
    """The file's content, mappings and sequences with their lines.

    Raises:
        ConfigError: no such file, or not YAML.
    """
    try:
        return YAML().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: not YAML: {error.problem}") from error
    except YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error


def parse_text(text: str) -> Any:
    """A value given on the command line as YAML or JSON.

    Raises:
        ConfigError: it is neither.
    """
    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise ConfigError(f"not YAML: {text!r}") from error


def problems(error: ValidationError) -> list[Problem]:
    """What pydantic found, each once and in words."""
    details = error.errors()
    return [(detail["loc"], _explain(detail)) for detail in details if not _echo(detail, details)]


def listed(path: Path, document: Any, found: Sequence[Problem]) -> ConfigError:
    """The error that tells every problem of a file with its line."""
    lines = sorted(
        {(_line(document, where), _dotted(document, where), what) for where, what in found}
    )
    told = "\n".join(
        f"  line {line}: {name + ': ' if name else ''}{what}" for line, name, what in lines
    )
    return ConfigError(f"{path} has {plural(len(lines), 'problem')}:\n{told}")


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
