"""What commands print: one console, one rule for its width, and plain lines."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDTH = 160
"""Columns where the output goes to a file or a pipe: a table needs its width there, too."""


def console() -> Console:
    """Standard output, as wide as the terminal."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def say(text: object) -> None:
    """Print a line as it is: no markup, no colours, and no line break that is not in it."""
    print(text, flush=True)
