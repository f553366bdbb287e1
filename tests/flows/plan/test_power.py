"""What an audit's samples can show is said before it runs."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from flows.plan.power import powers, print_power, too_strict
from tests.makers.audits import audit
from uwm.metrics.power import smallest_change
from uwm.metrics.registry import ZEROSHOT_MEAN

SETS = [{"kind": "demo", "set": name} for name in ("subjects", "objects")]
UNSAFE = {"kind": "demo", "set": "unsafe_objects", "unsafe": True}
TEST = {"kind": "demo", "split": "test", "per_concept": 10}


def test_every_benchmark_and_the_mean_over_sets_of_knowledge_has_a_row() -> None:
    benchmark, zeroshot = powers(audit(benchmarks=[TEST], zeroshot=[*SETS, UNSAFE]))
    assert (benchmark.dataset, benchmark.samples) == ("test", 100)
    assert benchmark.changes == (smallest_change(100, 0.1), smallest_change(100, 0.3))
    assert zeroshot.dataset == ZEROSHOT_MEAN
    # A mean over sets is as exact as that of all their pictures, where they are equal in size.
    assert zeroshot.changes[0] >= smallest_change(zeroshot.samples, 0.1) - 1e-9


def test_a_rule_that_its_samples_cannot_hold_is_told() -> None:
    rules = [
        {"metric": "GS", "max_fall": 1},
        {"metric": "PS", "max_fall": 20},
        {"metric": "P_t_s", "floor": 50},
        {"metric": "zero-shot", "max_fall": 0},
    ]
    config = audit(benchmarks=[TEST], zeroshot=SETS, policy={"rules": rules})
    told = list(too_strict(config, powers(config)))
    assert [said.split(" to fall")[0] for said in told] == [
        "the policy allows GS",
        "the policy allows zero-shot",
    ]
    assert "by 1 on test, whose 100 samples show a further fall of 8.8 points" in told[0]


@pytest.mark.parametrize("strict", [False, True])
def test_it_is_printed(strict: bool) -> None:
    policy = {"rules": [{"metric": "GS", "max_fall": 1}]} if strict else None
    out = StringIO()
    print_power(Console(file=out, width=120), audit(benchmarks=[TEST], policy=policy))
    assert "8.8 points" in out.getvalue()
    assert ("warning: the policy allows GS" in out.getvalue()) is strict
