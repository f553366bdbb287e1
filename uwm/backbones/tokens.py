"""Which of a text tower's tokens are real, for every tokenizer that open_clip uses.

open_clip's own BPE pads with 0, which is a real token too: a text ends at its end-of-text token,
the largest id. Hugging Face tokenizers name their padding (SigLIP's is its end-of-text, which
therefore does not count). CoCa appends its class token behind the padding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TypeAlias

import torch
from open_clip.tokenizer import HFTokenizer, SimpleTokenizer
from torch import Tensor, nn

from uwm.errors import UnsupportedFamilyError

Tokenizer: TypeAlias = SimpleTokenizer | HFTokenizer


def check_tokenizer(tokenizer: object) -> Tokenizer:
    """`tokenizer` itself.

    Raises:
        UnsupportedFamilyError: its padding is not known, so real tokens could not be told.
    """
    if isinstance(tokenizer, SimpleTokenizer):
        return tokenizer
    if isinstance(tokenizer, HFTokenizer) and tokenizer.tokenizer.pad_token_id is not None:
        return tokenizer
    raise UnsupportedFamilyError(
        f"the tokenizer is a {type(tokenizer).__name__}, whose padding is not known here; "
        "choose a backbone with open_clip's BPE or a Hugging Face tokenizer with a padding token"
    )


def real_tokens(ids: Tensor, tokenizer: Tokenizer, model: nn.Module) -> Tensor:
    """Which tokens of `model`'s text tower are real: bool (texts, tokens).

    Args:
        ids: (texts, context), as `tokenizer` gives them.
    """
    keep = _real(ids, tokenizer)
    if getattr(getattr(model, "text", None), "cls_emb", None) is not None:
        keep = torch.cat([keep, keep.new_ones(len(keep), 1)], 1)
    return keep


def _real(ids: Tensor, tokenizer: Tokenizer) -> Tensor:
    """Which of `ids` are real: bool (texts, context)."""
    if isinstance(tokenizer, SimpleTokenizer):
        positions = torch.arange(ids.shape[1], device=ids.device)
        return positions <= ids.argmax(-1, keepdim=True)
    return torch.ne(ids, tokenizer.tokenizer.pad_token_id)


def cut_texts(texts: Sequence[str], ids: Tensor, tokenizer: Tokenizer) -> Tensor:
    """Which texts are longer than the context and lose their end: bool (texts,).

    A text is longer where one more place holds one more real token.

    Args:
        ids: (texts, context), as `tokenizer` gives them.
    """
    count = _real(ids, tokenizer).sum(-1)
    found = torch.zeros(len(texts), dtype=torch.bool)
    full = torch.nonzero(count >= ids.shape[1] - 2)[:, 0]  # room for what is not counted as real
    if len(full):
        longer = tokenizer([texts[row] for row in full.tolist()], ids.shape[1] + 1)
        found[full] = _real(longer, tokenizer).sum(-1) > count[full]
    return found


def tokenizer_digest(tokenizer: Tokenizer) -> str:
    """SHA-256 of all that decides a text's ids: vocabulary, rules and context length."""
    content: list[object] = [tokenizer.context_length]
    if isinstance(tokenizer, SimpleTokenizer):
        content.append(tokenizer.encoder)
    else:
        wrapped = tokenizer.tokenizer
        backend = getattr(wrapped, "backend_tokenizer", None)
        content += [
            backend.to_str() if backend is not None else sorted(wrapped.get_vocab().items()),
            tokenizer.tokenizer_mode,
            tokenizer.strip_sep_token,
            tokenizer.clean_fn.__name__,
            wrapped.special_tokens_map,
        ]
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()
