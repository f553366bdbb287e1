"""What commands print: one console, one rule for its width, and plain lines."""

from __future__ import annotations

import logging
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from uwm.wording import printable

_WIDTH = 160
"""Columns where the output goes to a file or a pipe: a table needs its width there, too."""


class _Console(Console):
    """A console that no text of anyone's acts upon."""

    def render_str(self, text: str, *arguments: Any, **options: Any) -> Text:
        return super().render_str(printable(text), *arguments, **options)


class PrintableRecord(logging.LogRecord):
    """A log's record that acts on no terminal, whatever names are in it."""

    def getMessage(self) -> str:  # noqa: N802 - the library's name
        return printable(super().getMessage())


def console() -> Console:
    """Standard output, as wide as the terminal; see `printable` for what it writes out."""
    return _Console(width=None if sys.stdout.isatty() else _WIDTH)


def say(text: object) -> None:
    """Print a line as it is: no markup, no colours, and no line break that is not in it.

    See `printable` for what is written out.
    """
    print(printable(str(text)), flush=True)


def complain(text: object) -> None:
    """The same on standard error."""
    print(printable(str(text)), file=sys.stderr)
