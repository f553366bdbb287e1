"""Metrics of a user's own, as the specs of stages that measure have them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from storage.store.code import code_digest
from uwm.errors import MetricError
from uwm.metrics.plugins import load_metric, metric_modules
from uwm.metrics.registry import BUILT_IN, Metrics


class MetricPlugin(BaseModel, frozen=True, extra="forbid"):
    """A further metric by what it is.

    Attributes:
        code: digest of its code.
        reference: where it is found. No part of a spec's digest: the same code may lie elsewhere.
    """

    name: str
    code: str
    reference: str = Field(exclude=True)


def metric_plugins(references: Sequence[str]) -> tuple[MetricPlugin, ...]:
    """The metrics that an audit names, for specs.

    Raises:
        PluginError: a reference names no metric.
    """
    return tuple(
        MetricPlugin(name=load_metric(reference).name, code=_code(reference), reference=reference)
        for reference in references
    )


def metrics_with(plugins: Sequence[MetricPlugin]) -> Metrics:
    """The built-in metrics and those of a spec.

    Raises:
        MetricError: a metric's code is no longer what the spec was made from.
    """
    if not plugins:
        return BUILT_IN
    for plugin in plugins:
        if _code(plugin.reference) != plugin.code:
            raise MetricError(
                f"the code of the metric {plugin.name} ({plugin.reference}) has changed since this "
                "run was laid out; start it again"
            )
    return BUILT_IN.with_entries([load_metric(plugin.reference) for plugin in plugins])


def _code(reference: str) -> str:
    return code_digest(*metric_modules(reference))
