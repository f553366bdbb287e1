"""`make soak`: faults under a store by the thousand. Says what it found with the numbers to replay.

    python -m tests.soak [SEED] [SHARE]

SHARE of 1 is all of it, some 45 minutes on two cores.
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.disk import FAULTS
from tests.soak.machine import StoreMachine
from tests.soak.trials import Trials

CLASSES = ("lost", "torn", "wrong", "untold")
CHAINS, FLIPS, ROUNDS = 500, 1500, 50
SEQUENCES, STEPS = 1000, 500


def main(seed: int, share: float) -> int:
    """Run all kinds of trials, print a line each, and a last one over all."""
    logging.disable()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    counts = dict.fromkeys(CLASSES, 0)
    try:
        trials = Trials(folder)
        step = max(1, round(1 / share))
        for fault in FAULTS:
            moments = range(seed % step, trials.moments, step)
            _try(fault, moments, partial(trials.fault, fault, seed), counts)
        for name, count, trial in (
            ("faults in a row", CHAINS, trials.chain),
            ("flipped bits", FLIPS, trials.flip),
            ("processes killed at work", ROUNDS, trials.processes),
        ):
            numbers = range(seed, seed + max(1, round(count * share)))
            _try(name, numbers, trial, counts)
        _compare(max(1, round(SEQUENCES * share)), counts)
    finally:
        shutil.rmtree(folder)
    if counts["untold"]:
        print(f"{counts['untold']} ended with a traceback")
    print(", ".join(f"{counts[name]} {name}" for name in CLASSES[:3]))
    return 1 if any(counts.values()) else 0


def _compare(sequences: int, counts: dict[str, int]) -> None:
    """The store beside its model, the same sequences in every soak."""
    start = time.monotonic()
    told = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    found = 0
    with patch("os.fsync", lambda descriptor: None):  # no power is cut here
        try:
            run_state_machine_as_test(StoreMachine, settings=told)
        except AssertionError as error:
            found, counts["wrong"] = 1, counts["wrong"] + 1
            notes = getattr(error, "__notes__", [])
            print(f"  the store and its model differ: {error}", *notes, sep="\n  ")
    seconds = time.monotonic() - start
    print(f"sequences of {STEPS} steps: {sequences} trials, {found} with faults, {seconds:.0f} s")


def _try(
    name: str, numbers: range, trial: Callable[[int], list[str]], counts: dict[str, int]
) -> None:
    start, bad = time.monotonic(), 0
    for number in numbers:
        found = trial(number)
        bad += bool(found)
        for line in found:
            counts[line.partition(":")[0]] += 1
            print(f"  {name} {number}: {line}", flush=True)
    seconds = time.monotonic() - start
    print(f"{name}: {len(numbers)} trials, {bad} with faults, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 0,
            float(sys.argv[2]) if len(sys.argv) > 2 else 1.0,
        )
    )
