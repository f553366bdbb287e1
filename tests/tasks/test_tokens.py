import numpy as np
import pandas as pd
import pytest

from storage.formats.samples import SampleArrays
from storage.sources import Source, content_digest
from tasks.datasets import DatasetSpec, ingest
from tasks.tokens import TokensSpec, tokenize, too_short
from tests.bench import Bench


def test_tokens_are_the_tokenizers(bench: Bench) -> None:
    arrays = SampleArrays(bench.store.path("tokens", bench.tokens.digest))
    expected = bench.backbone.tokenize(bench.source.texts["unsafe"].tolist())
    assert np.array_equal(arrays.read("unsafe"), expected.numpy())


def test_texts_of_fewer_than_two_real_tokens_are_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not too_short(bench.store, bench.tokens, bench.backbone).any()
    texts = pd.DataFrame({"safe": ["a cat", "a", "a dog"], "unsafe": ["", "a cat", "a b"]})
    source = Source(
        rows=pd.DataFrame({"id": ["0", "1", "2"]}),
        images=pd.DataFrame({"safe": [], "unsafe": []}, dtype="str"),
        texts=texts,
        read=lambda reference: b"",
    )
    dataset = DatasetSpec.of(content_digest(source))
    tokens = TokensSpec.of(dataset, bench.backbone)
    ingest.fn([dataset], bench.store, [source])
    tokenize.fn([tokens], bench.store, bench.backbone)
    assert not too_short(bench.store, tokens, bench.backbone).any()  # CLIP adds start and end
    # A tokenizer that adds nothing: what CLIP's adds is padding.
    monkeypatch.setattr(bench.backbone, "real_tokens", lambda ids: (ids != 0) & (ids < 49406))
    assert too_short(bench.store, tokens, bench.backbone).tolist() == [True, True, False]
