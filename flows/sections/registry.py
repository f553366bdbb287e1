"""The sections of an audit's report: those of this package, and those that the file names."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

import flows.sections
from flows.sections.section import Section
from uwm.config import AuditConfig
from uwm.errors import InputError

_TAKEN = ("results",)  # results.parquet has the audit's own table


def sections(config: AuditConfig) -> list[Section]:
    """This package's sections in the order of their keys, then those that the audit's file names.

    Raises:
        InputError: a class that the file names is not a `Section`, has the key of another section,
            or does not fit the audit.
    """
    found = [*_own()]
    for named in config.sections:
        if not isinstance(named, Section):
            raise InputError(
                f"a section of the report is a subclass of flows.sections.Section; {named.kind} "
                "is not"
            )
        if named.key in (*_TAKEN, *(other.key for other in found)):
            raise InputError(
                f"every section needs a `key` of its own; {named.kind} has {named.key!r}, which is "
                "taken. Change the key in its class."
            )
        named.check(config)
        found.append(named)
    return found


@cache
def _own() -> tuple[Section, ...]:
    """One of each class that a module of this package defines."""
    for module in sorted(found.name for found in pkgutil.iter_modules(flows.sections.__path__)):
        import_module(f"{flows.sections.__name__}.{module}")
    kinds = sorted(Section.__subclasses__(), key=lambda kind: kind.key)
    return tuple(
        kind(kind=kind.key) for kind in kinds if kind.__module__.startswith("flows.sections.")
    )
