"""Real tokens, by every tokenizer that open_clip uses, held against the tokenizer's own account."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from open_clip.tokenizer import SigLipTokenizer, SimpleTokenizer
from torch import nn

from tests.makers.backbones import LoadFresh
from tests.makers.tokenizers import CONTEXT, FAMILIES, TEXTS, borrowed
from uwm.backbones.tokens import Tokenizer, check_tokenizer, real_tokens, tokenizer_digest
from uwm.errors import UnsupportedFamilyError

TEXT_TOWER = nn.Module()


def marked(tokenizer: Tokenizer) -> list[list[bool]]:
    keep: list[list[bool]] = real_tokens(tokenizer(TEXTS), tokenizer, TEXT_TOWER).tolist()
    return keep


def leading(*counts: int, context: int = CONTEXT) -> list[list[bool]]:
    return [[position < count for position in range(context)] for count in counts]


def test_bpe_keeps_everything_up_to_the_end_of_text() -> None:
    assert marked(SimpleTokenizer(context_length=CONTEXT)) == leading(3, 8, CONTEXT)


def test_bpe_keeps_a_real_token_of_the_id_that_pads() -> None:
    """Id 0 is an exclamation mark that something follows."""
    tokenizer = SimpleTokenizer(context_length=CONTEXT)
    text = "a red !~ fox"
    assert 0 in tokenizer.encode(text)
    keep = real_tokens(tokenizer([text]), tokenizer, TEXT_TOWER)
    assert keep.tolist() == leading(len(tokenizer.encode(text)) + 2)


@pytest.mark.parametrize(
    ("family", "counts"),
    [
        ("RoBERTa", (3, 8, CONTEXT)),
        ("T5", (2, 7, CONTEXT)),
        ("CLIPA", (3, 8, CONTEXT)),
        # Padding by the end of text leaves words alone; a text that fills the context keeps its
        # last place for that token, which pads.
        ("SigLIP", (1, 6, CONTEXT - 1)),
    ],
)
def test_a_borrowed_tokenizer_keeps_what_is_not_its_padding(
    tmp_path: Path, family: str, counts: tuple[int, ...]
) -> None:
    assert marked(borrowed(tmp_path, family)) == leading(*counts)


def test_clipas_tokenizer_without_separator(tmp_path: Path) -> None:
    """CLIPA's configurations replace [SEP] by the id 0, which pads."""
    tokenizer = borrowed(tmp_path, "CLIPA", strip_sep_token=True)
    assert marked(tokenizer)[0] == leading(2)[0]


def test_cocas_class_token_behind_the_padding_is_real(load_fresh: LoadFresh) -> None:
    coca = load_fresh("coca")
    ids = coca.tokenize(["fox", "a red fox"])
    keep = coca.real_tokens(ids)
    assert keep.shape == (2, ids.shape[1] + 1)
    assert keep[:, -1].all()
    assert keep.sum(1).tolist() == [3 + 1, 5 + 1]


def test_padding_is_never_counted_and_words_always_are(tmp_path: Path) -> None:
    """Longer contexts add padding and nothing else."""
    for family in FAMILIES:
        short, long = borrowed(tmp_path, family), borrowed(tmp_path, family)
        long.context_length = 4 * CONTEXT
        for text in TEXTS[:2]:
            few, many = (
                real_tokens(tokenizer([text]), tokenizer, TEXT_TOWER) for tokenizer in (short, long)
            )
            assert few.sum() == many.sum()


def test_a_tokenizer_without_padding_is_refused(tmp_path: Path) -> None:
    tokenizer = borrowed(tmp_path, "T5")
    tokenizer.tokenizer.pad_token = None
    with pytest.raises(UnsupportedFamilyError, match="padding token"):
        check_tokenizer(tokenizer)
    with pytest.raises(UnsupportedFamilyError, match="SigLipTokenizer"):
        check_tokenizer(SigLipTokenizer.__new__(SigLipTokenizer))


def test_the_digest_is_of_what_decides_ids(tmp_path: Path) -> None:
    one, same = (borrowed(tmp_path / name, "CLIPA") for name in ("one", "same"))
    others = [
        borrowed(tmp_path / "one", "CLIPA", strip_sep_token=True),
        borrowed(tmp_path / "other", "RoBERTa"),
        SimpleTokenizer(context_length=CONTEXT),
        SimpleTokenizer(context_length=CONTEXT + 1),
    ]
    assert tokenizer_digest(one) == tokenizer_digest(same)
    digests = {tokenizer_digest(tokenizer) for tokenizer in (one, *others)}
    assert len(digests) == 1 + len(others)
    assert torch.equal(one(TEXTS), same(TEXTS))
