"""Tokenizers of every family that open_clip borrows from Hugging Face, with small vocabularies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from open_clip.tokenizer import HFTokenizer
from tokenizers import Tokenizer as Rules
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

TEXTS = ["fox", "a red fox on the beach", "beach " * 40]
CONTEXT = 12
FAMILIES: dict[str, dict[str, Any]] = {
    "RoBERTa": {"specials": ("<s>", "<pad>", "</s>"), "pad": "<pad>", "ends": ("<s>", "</s>")},
    "T5": {"specials": ("<pad>", "</s>"), "pad": "<pad>", "ends": ("", "</s>")},
    "SigLIP": {"specials": ("<unk>", "</s>"), "pad": "</s>", "ends": ("", "</s>")},
    "CLIPA": {"specials": ("[PAD]", "[CLS]", "[SEP]"), "pad": "[PAD]", "ends": ("[CLS]", "[SEP]")},
}
"""How open_clip's Hugging Face tokenizers mark a text: special tokens in id order, the one that
pads (SigLIP's is its own end of text) and those put around a text.
"""


def borrowed(folder: Path, family: str, **options: Any) -> HFTokenizer:
    """A tokenizer with the family's special tokens and a vocabulary of whole words."""
    marks = FAMILIES[family]
    words = [*marks["specials"], "?", *sorted(set(" ".join(TEXTS).split()))]
    vocabulary = {word: number for number, word in enumerate(words)}
    rules = Rules(WordLevel(vocabulary, unk_token="?"))
    rules.pre_tokenizer = Whitespace()
    start, end = marks["ends"]
    rules.post_processor = TemplateProcessing(
        single=f"{start} $A {end}".strip(),
        special_tokens=[(mark, vocabulary[mark]) for mark in (start, end) if mark],
    )
    folder.mkdir(exist_ok=True)
    rules.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "pad_token": marks["pad"],
                "sep_token": end,
            }
        )
    )
    return HFTokenizer(str(folder), context_length=CONTEXT, **options)
