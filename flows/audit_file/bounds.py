"""Bounds of a YAML file, held before anything is built of it: whoever wrote it, reading it ends.

A configuration is a page or two. Only a regular file is read (a pipe would never end), and no large
one; its events are counted as they come, so that neither depth nor aliases that stand for much cost
anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import StreamMark
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MAX_BYTES = 256 << 10
MAX_DEPTH = 32
"""Mappings and sequences inside of each other; an audit's file has 6."""
MAX_NODES = 20_000
"""Keys, values, mappings and sequences, those that aliases stand for counted each time."""


class BoundsError(ValueError):
    """A file is beyond the bounds.

    Attributes:
        line: where, from 1; 0 for the file as a whole.
    """

    def __init__(self, rule: str, line: int = 0) -> None:
        super().__init__(rule)
        self.line = line


def read_text(path: Path) -> str:
    """The text of a small regular file.

    Raises:
        BoundsError: it is not a file, or larger.
        FileNotFoundError, OSError, UnicodeDecodeError: as `Path.read_text`.
    """
    if not path.is_file():
        path.stat()  # raises where there is nothing
        raise BoundsError("it is not a file, but a folder, a pipe or a device")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BoundsError(f"it has more than {MAX_BYTES} bytes; a configuration has a few thousand")
    return content.decode("utf-8-sig")


def check_nodes(text: str) -> None:
    """Hold a document to the bounds without building it.

    Raises:
        BoundsError: it nests too deeply, has too many nodes, or an alias that holds itself.
        YAMLError: it is not YAML.
    """
    nodes = 0
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    for event in YAML().parse(text):
        match event:
            case MappingStartEvent() | SequenceStartEvent():
                nodes += 1
                open_nodes.append((event.anchor, nodes))
                if len(open_nodes) > MAX_DEPTH:
                    raise BoundsError(
                        f"it nests more than {MAX_DEPTH} mappings and lists", _line(event)
                    )
            case MappingEndEvent() | SequenceEndEvent():
                anchor, began = open_nodes.pop()
                if anchor is not None:
                    sizes[anchor] = nodes - began + 1
            case ScalarEvent():
                nodes += 1
                if event.anchor is not None:
                    sizes[event.anchor] = 1
            case AliasEvent():
                if any(anchor == event.anchor for anchor, _ in open_nodes):
                    raise BoundsError(f"*{event.anchor:.40} holds itself", _line(event))
                nodes += sizes.get(event.anchor, 1)
            case _:
                pass
        if nodes > MAX_NODES:
            raise BoundsError(f"it has more than {MAX_NODES} keys and values", _line(event))


def unreadable_scalar(text: str) -> tuple[int, str] | None:
    """The line and the start of the first value that looks like a number or a date and is none."""
    for event in _scalars(text):
        try:
            YAML().load(event.value)
        except Exception:  # the constructors of numbers and dates raise what they like
            return _line(event), event.value[:40]
    return None


def _scalars(text: str) -> Iterator[ScalarEvent]:
    for event in YAML().parse(text):
        if isinstance(event, ScalarEvent) and event.style is None and event.tag is None:
            yield event


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if isinstance(mark, StreamMark) else 0
