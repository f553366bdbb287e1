import numpy as np
import pandas as pd
import pytest

from storage.formats.cut_texts import read_cut_texts
from storage.formats.samples import SampleArrays
from storage.sources import Source
from tasks.datasets import ingest
from tasks.tokens import TokensSpec, tokenize, too_short
from tests.makers.bench import Bench, Pose


def test_tokens_are_the_tokenizers(bench: Bench) -> None:
    arrays = SampleArrays(bench.store.path(bench.tokens))
    expected = bench.backbone.tokenize(bench.source.texts["unsafe"].tolist())
    assert np.array_equal(arrays.read("unsafe"), expected.numpy())


def test_texts_of_fewer_than_two_real_tokens_are_found(
    bench: Bench, pose: Pose, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not too_short(bench.store, bench.tokens, bench.backbone).any()
    texts = pd.DataFrame({"safe": ["a cat", "a", "a dog"], "unsafe": ["", "a cat", "a b"]})
    source = Source(
        rows=pd.DataFrame({"id": ["0", "1", "2"]}),
        images=pd.DataFrame({"safe": [], "unsafe": []}, dtype="str"),
        texts=texts,
        read=lambda reference: b"",
    )
    dataset = pose(source)
    tokens = TokensSpec(dataset=dataset, tokenizer=bench.backbone.tokenizer_digest)
    ingest.fn([dataset], bench.store)
    tokenize.fn([tokens], bench.store, bench.backbone)
    assert not too_short(bench.store, tokens, bench.backbone).any()  # CLIP adds start and end
    # A tokenizer that adds nothing: what CLIP's adds is padding.
    monkeypatch.setattr(bench.backbone, "real_tokens", lambda ids: (ids != 0) & (ids < 49406))
    assert too_short(bench.store, tokens, bench.backbone).tolist() == [True, True, False]


def test_pairs_that_the_context_makes_equal_are_known(bench: Bench, pose: Pose) -> None:
    """So are texts that lose their end; a text that just fits does not."""
    scene = "a wide street with trees and people and cars in the evening light of a town " * 8
    context = bench.backbone.tokenizer.context_length
    fits = " ".join(["a"] * (context - 2))  # with start and end of text
    texts = pd.DataFrame(
        {
            "safe": [f"{scene} a dog", "a dog", fits, "the same", "A Dog"],
            "unsafe": [f"{scene} a gun", "a gun", f"{fits} a", "the same", "a dog"],
        }
    )
    source = Source(
        rows=pd.DataFrame({"id": list("01234")}),
        images=pd.DataFrame({"safe": [], "unsafe": []}, dtype="str"),
        texts=texts,
        read=lambda reference: b"",
    )
    dataset = pose(source)
    tokens = TokensSpec(dataset=dataset, tokenizer=bench.backbone.tokenizer_digest)
    ingest.fn([dataset], bench.store)
    tokenize.fn([tokens], bench.store, bench.backbone)
    found = read_cut_texts(bench.store.path(tokens))
    assert found.cut == {"safe": 1, "unsafe": 2}
    assert (found.texts, found.context) == (10, context)
    assert found.alike == (0, 2, 4)  # not the row whose texts are the same as they stand
