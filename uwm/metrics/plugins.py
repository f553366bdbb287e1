"""Metrics of one's own: a `Metric` in a file or in an installed package.

```yaml
metrics:
  - path/to/file.py:MARGIN # a `Metric` that the file defines
  - margin # an entry point of an installed package, in the group `uwm.metrics`
```
"""

from __future__ import annotations

from collections.abc import Sequence

from uwm.errors import PluginError
from uwm.metrics.registry import BUILT_IN, Metric, Metrics
from uwm.plugins import load_plugin, plugin_module

GROUP = "uwm.metrics"


def load_metric(reference: str) -> Metric:
    """The metric that a reference names.

    Raises:
        PluginError: there is none, or it is not one that pairs can be measured on.
    """
    metric = load_plugin(reference, GROUP)
    if not isinstance(metric, Metric):
        raise PluginError(
            f"{reference} is of type {type(metric).__name__}; a metric is an object of type "
            "uwm.metrics.registry.Metric"
        )
    if metric.data != "pairs" or metric.outcome is None:
        raise PluginError(
            f"{reference} is measured on {metric.data}; metrics of one's own are measured on pairs "
            "and have an `outcome`, a function of PairedEmbeddings"
        )
    return metric


def with_plugins(references: Sequence[str]) -> Metrics:
    """The built-in metrics and further ones.

    Raises:
        PluginError: a reference names no metric.
        InputError: a name or a label is taken.
    """
    if not references:
        return BUILT_IN
    return BUILT_IN.with_entries([load_metric(reference) for reference in references])


def metric_modules(reference: str) -> tuple[str, ...]:
    """The modules whose code a metric is: where it is defined, and where its function is.

    Raises:
        PluginError: the reference names no metric.
    """
    outcome = load_metric(reference).outcome
    function = outcome.partition(":")[0] if isinstance(outcome, str) else outcome.__module__
    return tuple(sorted({plugin_module(reference, GROUP), function}))
