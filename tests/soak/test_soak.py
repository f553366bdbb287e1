"""A few of the trials of `make soak`: nothing is lost, torn or wrong, whatever happens."""

from __future__ import annotations

import pytest

from tests.soak.disk import FAULTS, Fault
from tests.soak.trials import Trials


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Trials:
    return Trials(tmp_path_factory.mktemp("soak"))


def test_the_work_has_hundreds_of_moments_to_fail_at(trials: Trials) -> None:
    assert trials.moments > 200


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_the_work_is_gone_on_with(trials: Trials, fault: Fault) -> None:
    found = [trials.fault(fault, 0, at) for at in range(5, trials.moments, 67)]
    assert [each for each in found if each] == []


def test_after_faults_in_a_row_likewise(trials: Trials) -> None:
    assert [found for seed in range(4) if (found := trials.chain(seed))] == []


def test_a_flipped_bit_is_found_and_never_read(trials: Trials) -> None:
    assert [found for seed in range(20) if (found := trials.flip(seed))] == []


def test_one_of_several_processes_ends_though_the_others_are_killed(trials: Trials) -> None:
    assert [found for seed in range(2) if (found := trials.processes(seed))] == []
