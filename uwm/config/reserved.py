"""Names that results use for things that nobody configures, and that are therefore reserved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from uwm.config.methods import CONTROL_KINDS, Method, Uwm
from uwm.metrics.registry import ZEROSHOT_MEAN

if TYPE_CHECKING:
    from uwm.config.audit import AuditConfig

ORIGINAL = "original"
CONTROLS = tuple(f"{kind} " for kind in CONTROL_KINDS)
"""Prefixes of the names of controls."""
SEARCHED = "search "
"""Prefix of the names of points that a search chooses."""
PAPER_DEFAULT = "paper default"
"""Name of the paper's settings in a search whose audit has no method with them."""


def reserved_names(audit: AuditConfig) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """For each reserved name used in an audit: its location, the message, and the name."""
    for index, method in enumerate(audit.methods):
        if what := _reserved_for(method):
            yield ("methods", index, "name"), f"{what}; choose another name", method.name
    for index, data in enumerate(audit.benchmarks):
        if data.name == ZEROSHOT_MEAN:
            yield ("benchmarks", index, "name"), _MEAN, data.name
    for index, item in enumerate(audit.zeroshot):
        if getattr(item, "name", "") == ZEROSHOT_MEAN:  # `benchmarks` have none of their own
            yield ("zeroshot", index, "name"), _MEAN, ZEROSHOT_MEAN


_MEAN = (
    f"{ZEROSHOT_MEAN!r} is reserved for the mean over zero-shot sets in results; "
    "choose another name"
)


def _reserved_for(method: Method) -> str | None:
    """What a method's name is reserved for, or None if the method may have it."""
    name = method.name
    if name == ORIGINAL and method.kind != ORIGINAL:
        return f"{ORIGINAL!r} is reserved for the unedited backbone"
    for control in CONTROLS:
        if name.startswith(control) and method.control is None:
            return f"names that begin with {control!r} are reserved for {control}controls"
    if name.startswith(SEARCHED) and method.kind != "layerwise":
        return f"names that begin with {SEARCHED!r} are reserved for points that a search chose"
    if name == PAPER_DEFAULT and method != Uwm(kind="uwm", name=name):
        return f"{PAPER_DEFAULT!r} is reserved for `uwm` with the paper's settings"
    return None
