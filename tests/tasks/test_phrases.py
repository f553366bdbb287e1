"""The phrases of a data set's captions are tokenized as any text is."""

from __future__ import annotations

import torch

from storage.formats.samples import SampleArrays
from tasks.phrases import PARTITION, PhrasesSpec, tokenize_phrases
from tests.makers.bench import Bench
from uwm.method.phrases import preserved_phrases


def test_phrases_are_those_of_the_safe_captions_and_given_ones(bench: Bench) -> None:
    spec = PhrasesSpec(
        dataset=bench.dataset,
        tokenizer=bench.backbone.tokenizer_digest,
        words=True,
        phrases=("my own",),
    )
    tokenize_phrases.fn([spec], bench.store, bench.backbone)
    arrays = SampleArrays(bench.store.path(spec.kind, spec.digest))
    expected = preserved_phrases(bench.source.texts["safe"], ["my own"])
    assert arrays.names == [PARTITION]
    assert torch.equal(
        torch.from_numpy(arrays.read(PARTITION)).long(), bench.backbone.tokenize(expected).long()
    )
