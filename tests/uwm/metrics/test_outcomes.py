"""What a metric's function may return, and what it is called with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from uwm.errors import MetricError
from uwm.metrics.intervals import scale
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.registry import BUILT_IN, Metric, Metrics
from uwm.metrics.safeground import PairedEmbeddings


@pytest.fixture(scope="module")
def quadruples() -> PairedEmbeddings:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(8, 4, generator=generator) for _ in range(4)]
    return PairedEmbeddings(*(torch.nn.functional.normalize(part, dim=-1) for part in parts))


def one(outcome: Any, unit: str = "cosine") -> Metrics:
    entry = Metric(name="own", label="own", explain="a test.", outcome=outcome, unit=unit)
    return Metrics((entry,))


def test_every_built_in_metric_of_pairs_has_an_outcome_per_quadruple(
    quadruples: PairedEmbeddings,
) -> None:
    found = pair_outcomes(quadruples)
    assert list(found) == [metric.name for metric in BUILT_IN.of(data="pairs")]
    assert all(values.shape == (8,) for values in found.values())
    for metric in BUILT_IN.of(data="pairs"):
        low, high = metric.range
        assert low <= scale(found[metric.name]) * found[metric.name].mean() <= high


def test_metrics_that_share_a_function_share_its_call(quadruples: PairedEmbeddings) -> None:
    calls = []

    def both(embeddings: PairedEmbeddings) -> dict[str, np.ndarray]:
        calls.append(embeddings)
        return {name: np.full(8, value) for name, value in (("one", 1.0), ("two", 2.0))}

    entries = [
        Metric(name=name, label=name, explain="a test.", outcome=both, unit="cosine")
        for name in ("one", "two")
    ]
    found = pair_outcomes(quadruples, Metrics(tuple(entries)))
    assert len(calls) == 1
    assert (found["one"].mean(), found["two"].mean()) == (1, 2)


def test_real_values_are_taken_as_they_are(quadruples: PairedEmbeddings) -> None:
    values = torch.linspace(-1, 1, 8)
    found = pair_outcomes(quadruples, one(lambda _: values))["own"]
    assert found.dtype == np.float64
    assert found.tolist() == pytest.approx(values.tolist())


@pytest.mark.parametrize(
    ("values", "unit", "said"),
    [
        (torch.zeros(7), "cosine", r"one value per quadruple, \(8,\); own has \(7,\)"),
        (torch.zeros(8, dtype=torch.int64), "cosine", "own has int64"),
        (torch.full((8,), torch.nan), "cosine", "not finite for 8 of 8"),
        (torch.ones(8, dtype=torch.bool), "cosine", "share in percent is reported"),
        ({"other": torch.zeros(8)}, "cosine", "values for other, and none under that name"),
    ],
)
def test_what_is_no_metric_is_refused(
    quadruples: PairedEmbeddings, values: Any, unit: str, said: str
) -> None:
    with pytest.raises(MetricError, match=said):
        pair_outcomes(quadruples, one(lambda _: values, unit))
    with pytest.raises(MetricError, match="has no `outcome`"):
        pair_outcomes(quadruples, one(None))
