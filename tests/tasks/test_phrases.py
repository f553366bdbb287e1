"""The phrases of a data set's captions are tokenized as any text is."""

from __future__ import annotations

import torch

from storage.formats.samples import SampleArrays
from tasks.phrases import PARTITION, PhrasesSpec, tokenize_phrases
from tests.makers.bench import Bench
from uwm.method.phrases import preserved_phrases


def test_phrases_are_those_of_the_safe_captions_and_given_ones(bench: Bench) -> None:
    tokenizer = bench.backbone.tokenizer_digest
    spec = PhrasesSpec.of(bench.dataset, tokenizer, ("my own",), words=True)
    tokenize_phrases.fn([spec], bench.store, bench.backbone)
    arrays = SampleArrays(bench.store.path(spec))
    expected = preserved_phrases(bench.source.texts["safe"], ["my own"])
    assert arrays.names == [PARTITION]
    assert arrays.samples == spec.samples
    assert torch.equal(
        torch.from_numpy(arrays.read(PARTITION)).long(), bench.backbone.tokenize(expected).long()
    )
