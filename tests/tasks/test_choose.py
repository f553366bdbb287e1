import pytest

from tasks.choose import ChoiceSpec, choose, read_choice
from tasks.embeddings import read_pair, read_rows
from tests.makers.bench import Bench, embedded
from uwm.config import ChoiceRule
from uwm.metrics.intervals import scale
from uwm.metrics.outcomes import pair_outcomes


def test_one_candidate_is_chosen_and_all_are_measured(bench: Bench) -> None:
    pair = embedded(bench)
    spec = ChoiceSpec(pairs=bench.dataset, candidates=(pair, pair), rule=ChoiceRule(max_loss=4))
    choose.fn([spec], bench.store)
    table = read_choice(bench.store, spec)
    assert table["chosen"].tolist() == [True, False]
    rows_of = read_rows(bench.store, bench.dataset, pair[1])
    outcomes = pair_outcomes(read_pair(bench.store, pair, rows_of))
    for metric, outcome in outcomes.items():
        assert table[metric].tolist() == pytest.approx([scale(outcome) * outcome.mean()] * 2)
