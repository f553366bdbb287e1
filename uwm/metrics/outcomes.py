"""What each quadruple of a pair set says to every metric of an audit."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

# Digests of a stage's code follow imports alone, so that these name what computes outcomes.
import uwm.metrics.awareness  # noqa: F401
import uwm.metrics.retrieval  # noqa: F401
from uwm.errors import MetricError
from uwm.metrics.intervals import Outcomes, scale
from uwm.metrics.registry import BUILT_IN, PERCENT, Metric, Metrics
from uwm.metrics.safeground import PairedEmbeddings


def pair_outcomes(embeddings: PairedEmbeddings, metrics: Metrics = BUILT_IN) -> dict[str, Outcomes]:
    """The outcomes of every metric that is measured on pairs, quadruple by quadruple.

    Returns:
        By metric bool or float64 (samples,): whether it holds, or how large it is.

    Raises:
        MetricError: a metric's function returns something else, or a value that is not finite.
    """
    computed: dict[Any, Any] = {}
    found = {}
    for metric in metrics.of(data="pairs"):
        if metric.outcome not in computed:
            computed[metric.outcome] = _function(metric)(embeddings)
        found[metric.name] = _checked(metric, computed[metric.outcome], len(embeddings.safe_image))
    return found


def pair_means(embeddings: PairedEmbeddings, metrics: Metrics = BUILT_IN) -> dict[str, float]:
    """The mean of every metric that is measured on pairs, in its unit.

    Raises:
        MetricError: as `pair_outcomes`.
    """
    found = pair_outcomes(embeddings, metrics)
    return {name: scale(outcome) * float(outcome.mean()) for name, outcome in found.items()}


def _function(metric: Metric) -> Any:
    if callable(metric.outcome):
        return metric.outcome
    if metric.outcome is None:
        raise MetricError(
            f"{metric.name} is measured on pairs and has no `outcome`; name a function of "
            "PairedEmbeddings"
        )
    module, _, name = metric.outcome.partition(":")
    return getattr(importlib.import_module(module), name)


def _checked(metric: Metric, values: Any, samples: int) -> Outcomes:
    """The metric's own outcomes as an array, if they are what a metric's should be."""
    if isinstance(values, Mapping):
        if metric.name not in values:
            raise MetricError(
                f"the function of {metric.name} returns values for "
                f"{', '.join(map(str, values))}, and none under that name"
            )
        values = values[metric.name]
    array = (
        values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    )
    if array.shape != (samples,):
        raise MetricError(
            f"a metric has one value per quadruple, ({samples},); {metric.name} has {array.shape}"
        )
    if array.dtype == np.bool_ and metric.unit != PERCENT:
        raise MetricError(
            f"of yes/no values the share in percent is reported; {metric.name} says that its unit "
            f"is {metric.unit!r}. Return real numbers, or leave the unit out."
        )
    if array.dtype == np.bool_:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise MetricError(
            f"values are yes/no (bool) or real numbers (float); {metric.name} has {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise MetricError(
            f"{metric.name} is not finite for {int((~np.isfinite(array)).sum())} of {samples} "
            "quadruples"
        )
    return array.astype(np.float64)
