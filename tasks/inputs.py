"""Which artifacts the towers read. A module of its own: whoever only reads them does not depend on
how they are made."""

from __future__ import annotations

from collections.abc import Mapping

from uwm.families import Tower

INPUTS: Mapping[Tower, str] = {"image": "pixels", "text": "tokens"}
"""The kind of artifact that a tower reads, see `tasks.pixels` and `tasks.tokens`."""
