import dataclasses

import pytest

from storage.formats.embeddings import read_embeddings
from storage.sources import content_digest
from tasks.datasets import DatasetSpec, ingest
from tasks.embeddings import read_outcomes, read_pair, read_results, read_rows
from tasks.evaluate import evaluate, safety_spec
from tasks.tokens import TokensSpec, tokenize
from tests.makers.bench import Bench, embedded
from uwm.metrics.intervals import scale
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.safeground import PairedEmbeddings, safeground


def test_results_are_the_metrics_of_the_stored_embeddings(bench: Bench) -> None:
    pair = embedded(bench)
    spec = safety_spec("mine", bench.dataset, pair, pair, 200, 0, concepts=False)
    evaluate.fn([spec], bench.store)
    rows = read_results(bench.store, [spec]).set_index("metric")
    rows_of = read_rows(bench.store, bench.dataset.digest, pair[1].digest)
    outcomes = pair_outcomes(read_pair(bench.store, pair[0].digest, pair[1].digest, rows_of))
    assert set(rows.index) == set(outcomes)
    for metric, outcome in outcomes.items():
        assert rows.loc[metric, "value"] == pytest.approx(scale(outcome) * outcome.mean())
        assert rows.loc[metric, "n"] == 20
        assert rows.loc[metric, "change"] == 0


def test_rows_of_one_cluster_are_drawn_together(bench: Bench) -> None:
    rows = bench.source.rows.assign(cluster=["one"] * 10 + ["two"] * 10)
    source = dataclasses.replace(bench.source, rows=rows)
    dataset = DatasetSpec.of(content_digest(source))
    ingest.fn([dataset], bench.store, [source])
    pair = embedded(bench)
    found = {}
    for named in (bench.dataset, dataset):
        spec = safety_spec("mine", named, pair, pair, 200, 0, concepts=False)
        evaluate.fn([spec], bench.store)
        found[named.digest] = read_results(bench.store, [spec]).set_index("metric")
        assert ("cluster" in read_outcomes(bench.store, [str(spec)])["mine"]) == (named == dataset)
    alone, together = found.values()
    assert alone["value"].tolist() == together["value"].tolist()
    width = {name: rows["high"] - rows["low"] for name, rows in found.items()}
    assert width[dataset.digest]["P_t_s"] > 2 * width[bench.dataset.digest]["P_t_s"]


def test_a_pair_whose_texts_are_one_to_the_tokenizer_is_not_measured(bench: Bench) -> None:
    texts = bench.source.texts.copy()
    texts.loc[3, "unsafe"] = str(texts.loc[3, "safe"]).upper()  # CLIP's is without case
    source = dataclasses.replace(bench.source, texts=texts)
    dataset = DatasetSpec.of(content_digest(source))
    tokens = TokensSpec.of(dataset, bench.backbone)
    ingest.fn([dataset], bench.store, [source])
    tokenize.fn([tokens], bench.store, bench.backbone)
    pair = embedded(dataclasses.replace(bench, tokens=tokens))
    spec = safety_spec("mine", dataset, pair, pair, 200, 0)
    evaluate.fn([spec], bench.store)
    rows = read_results(bench.store, [spec])
    whole = rows[rows["concept"] == ""]
    assert set(whole["n"]) == {19}
    concept = bench.source.rows["concept"].iloc[3]
    of_concept = rows[rows["concept"].str.lower() == concept]
    assert set(of_concept["n"]) == {1}
    images, unread = (read_embeddings(bench.store, part.digest) for part in pair)
    kept = [row for row in range(20) if row != 3]
    four = [images["safe"], images["unsafe"], unread["safe"], unread["unsafe"]]
    expected = safeground(PairedEmbeddings(*(part[kept] for part in four)))
    found = read_outcomes(bench.store, [str(spec)])["mine"]
    for metric, outcome in expected.items():
        assert found[metric].tolist() == outcome.tolist()
