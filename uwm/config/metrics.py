"""The metrics that a configuration names, its own and those that other parts are about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from uwm.errors import InputError
from uwm.metrics.plugins import load_metric, with_plugins
from uwm.plugins import absolute


def _metric(reference: str, info: ValidationInfo) -> str:
    """The reference with its path in full, if it names a metric."""
    found = absolute(reference, Path((info.context or {}).get("folder", ".")))
    try:
        load_metric(found)
    except InputError as error:
        raise ValueError(str(error)) from error
    return found


def _distinct(references: tuple[str, ...]) -> tuple[str, ...]:
    try:
        with_plugins(references)
    except InputError as error:
        raise ValueError(str(error)) from error
    return references


MetricReferences = Annotated[
    tuple[Annotated[str, AfterValidator(_metric)], ...], AfterValidator(_distinct)
]
"""Metrics of one's own, `path/to/file.py:NAME` or the name that an installed package offers."""


def refuse(part: str, problems: Iterable[tuple[tuple[str | int, ...], str, object]]) -> None:
    """Raise for what is wrong with a part of the configuration, each with its place there.

    Args:
        part: what it is called.
        problems: places, what is wrong, and the values that are.

    Raises:
        ValidationError: there is a problem; pydantic puts the part's own place before each.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError("metric", "{wrong}", {"wrong": wrong}), loc=place, input=value
        )
        for place, wrong, value in problems
    ]
    if details:
        raise ValidationError.from_exception_data(part, details)
