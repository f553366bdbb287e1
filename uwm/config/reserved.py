"""Names that results give to what nobody configures, so that nothing else may be called so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from uwm.config.methods import Method, Uwm
from uwm.metrics.registry import ZEROSHOT_MEAN

if TYPE_CHECKING:
    from uwm.config.audit import AuditConfig

ORIGINAL = "original"
CONTROLS = ("random ", "magnitude ")
"""How the names of all controls begin."""
SEARCHED = "search "
"""How the names of all points begin that a search chooses."""
PAPER_DEFAULT = "paper default"
"""The paper's settings, where a search's audit has no method with them."""


def reserved_names(audit: AuditConfig) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Where in an audit a reserved name stands, what it is for, and the name."""
    for index, method in enumerate(audit.methods):
        if what := _reserved_for(method):
            yield ("methods", index, "name"), f"{what}; choose another name", method.name
    for index, data in enumerate(audit.benchmarks):
        if data.name == ZEROSHOT_MEAN:
            yield ("benchmarks", index, "name"), _MEAN, data.name
    for index, item in enumerate(audit.zeroshot):
        if getattr(item, "name", "") == ZEROSHOT_MEAN:  # `benchmarks` have none of their own
            yield ("zeroshot", index, "name"), _MEAN, ZEROSHOT_MEAN


_MEAN = f"{ZEROSHOT_MEAN!r} is the mean over zero-shot sets in results; choose another name"


def _reserved_for(method: Method) -> str | None:
    """What a method's name is reserved for, if it is, and the method is not just that."""
    name = method.name
    if name == ORIGINAL and method.kind != ORIGINAL:
        return f"{ORIGINAL!r} is the backbone as it is"
    for control in CONTROLS:
        if name.startswith(control) and method.control is None:
            return f"names that begin with {control!r} are those of {control}controls"
    if name.startswith(SEARCHED) and method.kind != "layerwise":
        return f"names that begin with {SEARCHED!r} are those of points that a search chose"
    if name == PAPER_DEFAULT and method != Uwm(kind="uwm", name=name):
        return f"{PAPER_DEFAULT!r} is `uwm` with the paper's settings"
    return None
