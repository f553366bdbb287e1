"""Validation of the metrics that a configuration adds, and of those that other parts refer to."""

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
    """The reference with an absolute path, after checking that it names a metric."""
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
"""The user's own metrics: `path/to/file.py:NAME`, or a name that an installed package registers."""


def refuse(part: str, problems: Iterable[tuple[tuple[str | int, ...], str, object]]) -> None:
    """Raise if a part of the configuration has problems, and report each with its location.

    Args:
        part: name of the part.
        problems: the location within the part, the message and the invalid value of each problem.

    Raises:
        ValidationError: there is a problem; pydantic prefixes each location with the part's own.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError("metric", "{wrong}", {"wrong": wrong}), loc=place, input=value
        )
        for place, wrong, value in problems
    ]
    if details:
        raise ValidationError.from_exception_data(part, details)
