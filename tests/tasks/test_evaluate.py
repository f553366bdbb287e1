import pytest

from tasks.embed import EmbeddingsSpec, embed
from tasks.embeddings import read_items, read_pair, read_results
from tasks.evaluate import evaluate, safety_spec
from tests.bench import Bench
from uwm.metrics.outcomes import pair_outcomes


def embedded(bench: Bench) -> tuple[EmbeddingsSpec, EmbeddingsSpec]:
    pair = (
        EmbeddingsSpec.of(bench.backbone, "image", None, bench.pixels),
        EmbeddingsSpec.of(bench.backbone, "text", None, bench.tokens),
    )
    for spec in pair:
        embed.fn([spec], bench.store, bench.backbone, 64)
    return pair


def test_results_are_the_metrics_of_the_stored_embeddings(bench: Bench) -> None:
    pair = embedded(bench)
    spec = safety_spec("mine", bench.dataset, pair, pair, 200, 0, concepts=False)
    evaluate.fn([spec], bench.store)
    rows = read_results(bench.store, [spec]).set_index("metric")
    items = read_items(bench.store, bench.dataset.digest)
    outcomes = pair_outcomes(read_pair(bench.store, pair[0].digest, pair[1].digest, items))
    assert set(rows.index) == set(outcomes)
    for metric, outcome in outcomes.items():
        assert rows.loc[metric, "value"] == pytest.approx(100 * outcome.mean())
        assert rows.loc[metric, "n"] == 20
        assert rows.loc[metric, "change"] == 0
