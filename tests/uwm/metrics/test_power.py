"""The smallest change that is shown is found as often as is said, and no smaller one is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from uwm.metrics.power import POWER, smallest_change


def found(samples: int, discordant: float, change: float, draws: int = 2000) -> float:
    """How often McNemar's test finds a change, by simulation."""
    generator = np.random.default_rng(0)
    differs = generator.binomial(samples, discordant, draws)
    better = generator.binomial(differs, (1 + change / discordant) / 2)
    tests = {
        (int(up), int(all_of)): all_of > 0 and binomtest(up, all_of).pvalue < 0.05
        for up, all_of in set(zip(better.tolist(), differs.tolist(), strict=True))
    }
    return float(np.mean([tests[pair] for pair in zip(better, differs, strict=True)]))


@pytest.mark.parametrize("samples", [300, 2000])
@pytest.mark.parametrize("discordant", [0.1, 0.3])
def test_the_change_is_found_as_often_as_is_said(samples: int, discordant: float) -> None:
    change = smallest_change(samples, discordant) / 100
    assert found(samples, discordant, change) == pytest.approx(POWER, abs=0.06)
    assert found(samples, discordant, change / 2) < POWER / 2


def test_it_falls_with_the_root_of_samples_and_grows_with_what_differs() -> None:
    assert smallest_change(4000, 0.1) == pytest.approx(smallest_change(1000, 0.1) / 2, rel=0.02)
    assert smallest_change(1000, 0.3) > smallest_change(1000, 0.1)
    # Of few samples a change must be larger than what was to differ: all of it one way.
    assert smallest_change(20, 0.1) > 10
