import dataclasses

import pytest

from storage.formats.embeddings import read_embeddings
from tasks.artifacts import Pair
from tasks.datasets import DatasetSpec, ingest
from tasks.embeddings import read_outcomes, read_pair, read_results, read_rows
from tasks.evaluate import SafetySpec, evaluate
from tasks.tokens import TokensSpec, tokenize
from tests.makers.bench import Bench, Pose, embedded
from uwm.metrics.intervals import scale
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.safeground import PairedEmbeddings, safeground


def measured(dataset: DatasetSpec, pair: Pair, *, concepts: bool = True) -> SafetySpec:
    return SafetySpec(
        dataset="mine",
        pairs=dataset,
        edited=pair,
        original=pair,
        resamples=200,
        seed=0,
        concepts=concepts,
    )


def test_results_are_the_metrics_of_the_stored_embeddings(bench: Bench) -> None:
    pair = embedded(bench)
    spec = measured(bench.dataset, pair, concepts=False)
    evaluate.fn([spec], bench.store)
    rows = read_results(bench.store, [spec]).set_index("metric")
    rows_of = read_rows(bench.store, bench.dataset, pair[1])
    outcomes = pair_outcomes(read_pair(bench.store, pair, rows_of))
    assert set(rows.index) == set(outcomes)
    for metric, outcome in outcomes.items():
        assert rows.loc[metric, "value"] == pytest.approx(scale(outcome) * outcome.mean())
        assert rows.loc[metric, "n"] == 20
        assert rows.loc[metric, "change"] == 0


def test_rows_of_one_cluster_are_drawn_together(bench: Bench, pose: Pose) -> None:
    rows = bench.source.rows.assign(cluster=["one"] * 10 + ["two"] * 10)
    dataset = pose(dataclasses.replace(bench.source, rows=rows))
    ingest.fn([dataset], bench.store)
    pair = embedded(bench)
    found = {}
    for named in (bench.dataset, dataset):
        spec = measured(named, pair, concepts=False)
        evaluate.fn([spec], bench.store)
        found[named.digest] = read_results(bench.store, [spec]).set_index("metric")
        assert ("cluster" in read_outcomes(bench.store, [str(spec)])["mine"]) == (named == dataset)
    alone, together = found.values()
    assert alone["value"].tolist() == together["value"].tolist()
    width = {name: rows["high"] - rows["low"] for name, rows in found.items()}
    assert width[dataset.digest]["P_t_s"] > 2 * width[bench.dataset.digest]["P_t_s"]


def test_a_pair_whose_texts_are_one_to_the_tokenizer_is_not_measured(
    bench: Bench, pose: Pose
) -> None:
    texts = bench.source.texts.copy()
    texts.loc[3, "unsafe"] = str(texts.loc[3, "safe"]).upper()  # CLIP's is without case
    source = dataclasses.replace(bench.source, texts=texts)
    dataset = pose(source)
    tokens = TokensSpec(dataset=dataset, tokenizer=bench.backbone.tokenizer_digest)
    ingest.fn([dataset], bench.store)
    tokenize.fn([tokens], bench.store, bench.backbone)
    pair = embedded(dataclasses.replace(bench, tokens=tokens))
    spec = measured(dataset, pair)
    evaluate.fn([spec], bench.store)
    rows = read_results(bench.store, [spec])
    whole = rows[rows["concept"] == ""]
    assert set(whole["n"]) == {19}
    concept = bench.source.rows["concept"].iloc[3]
    of_concept = rows[rows["concept"].str.lower() == concept]
    assert set(of_concept["n"]) == {1}
    images, unread = (read_embeddings(bench.store, part) for part in pair)
    kept = [row for row in range(20) if row != 3]
    four = [images["safe"], images["unsafe"], unread["safe"], unread["unsafe"]]
    expected = safeground(PairedEmbeddings(*(part[kept] for part in four)))
    found = read_outcomes(bench.store, [str(spec)])["mine"]
    for metric, outcome in expected.items():
        assert found[metric].tolist() == outcome.tolist()
