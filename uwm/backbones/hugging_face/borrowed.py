"""Text towers of transformers that open_clip borrows, built from a `config.json` of anyone's.

transformers takes classes, arguments and Python code from that file. Here it is read first, and
what is known of it is written to a folder of our own, which is all that transformers sees.
open_clip leaves no way to say `trust_remote_code=False`, and nothing in that folder names code.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from uwm.backbones.accepted import (
    Context,
    Heads,
    Layers,
    Section,
    Small,
    TokenId,
    Vocabulary,
    Width,
    check,
    check_parameters,
)
from uwm.backbones.files import read_json
from uwm.errors import UnknownBackboneError

CONFIG = "config.json"


class TextTower(Section):
    """What is heeded of a `config.json` whose text tower open_clip borrows; the rest is left out.

    It is dropout, initial values and generation, of which none changes an embedding.
    """

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_type: Literal["bert", "roberta", "xlm-roberta", "mt5", "m2m_100"]
    vocab_size: Vocabulary | None = None
    max_position_embeddings: Context | None = None
    type_vocab_size: Heads | None = None
    hidden_size: Width | None = None
    intermediate_size: Annotated[int, Field(ge=1, le=65_536)] | None = None
    num_hidden_layers: Layers | None = None
    num_attention_heads: Heads | None = None
    d_model: Width | None = None
    d_kv: Width | None = None
    d_ff: Annotated[int, Field(ge=1, le=65_536)] | None = None
    num_layers: Layers | None = None
    num_decoder_layers: Layers | None = None
    num_heads: Heads | None = None
    encoder_layers: Layers | None = None
    encoder_attention_heads: Heads | None = None
    encoder_ffn_dim: Annotated[int, Field(ge=1, le=65_536)] | None = None
    decoder_layers: Layers | None = None
    decoder_attention_heads: Heads | None = None
    decoder_ffn_dim: Annotated[int, Field(ge=1, le=65_536)] | None = None
    relative_attention_num_buckets: Heads | None = None
    relative_attention_max_distance: Context | None = None
    hidden_act: Annotated[str, Field(pattern="^[a-z_]{2,20}$")] | None = None
    activation_function: Annotated[str, Field(pattern="^[a-z_]{2,20}$")] | None = None
    feed_forward_proj: Annotated[str, Field(pattern="^(gated-)?[a-z_]{2,20}$")] | None = None
    layer_norm_eps: Small | None = None
    layer_norm_epsilon: Small | None = None
    position_embedding_type: Literal["absolute", "relative_key", "relative_key_query"] | None = None
    is_encoder_decoder: bool | None = None
    is_decoder: bool | None = None
    scale_embedding: bool | None = None
    tie_word_embeddings: bool | None = None
    pad_token_id: TokenId | None = None
    bos_token_id: TokenId | None = None
    eos_token_id: TokenId | None = None
    decoder_start_token_id: TokenId | None = None


def text_tower(path: Path) -> dict[str, Any]:
    """What is heeded of the `config.json` of a text tower.

    Raises:
        UnknownBackboneError: it names code, is of a kind that open_clip does not borrow, or has
            sizes out of bounds.
    """
    content = read_json(path)
    refuse_code(content, path)
    check(TextTower, content, str(path))
    found = {key: content[key] for key in TextTower.model_fields if content.get(key) is not None}
    width = max(found.get("hidden_size", 0), found.get("d_model", 0)) or 1024
    inner = max((found.get(key, 0) for key in found if key.endswith(("_ff", "_dim"))), default=0)
    inner = max(inner, found.get("intermediate_size", 0)) or 4 * width
    attention = max(width, found.get("d_kv", 0) * found.get("num_heads", 8))
    layers = sum(found[key] for key in found if key.endswith("layers")) or 24
    count = layers * width * (8 * attention + 3 * inner) + width * found.get("vocab_size", 250_000)
    check_parameters(count, str(path))
    return found


@contextmanager
def text_tower_folder(path: Path) -> Iterator[Path]:
    """A folder with what is heeded of a `config.json` alone, for as long as a tower is built."""
    found = text_tower(path)
    with tempfile.TemporaryDirectory(prefix="uwm-tower-") as name:
        (Path(name) / CONFIG).write_text(json.dumps(found), encoding="utf-8")
        yield Path(name)


def refuse_code(content: Mapping[str, Any], path: Path) -> None:
    """Raise UnknownBackboneError where a file in Hugging Face's form names classes of its own.

    What such a class computes is not known here, even if another one could read the same files.
    """
    if "auto_map" in content:
        raise UnknownBackboneError(
            f"{path}: auto_map is {str(content['auto_map'])[:80]!r}, which names Python code that "
            "comes with the model, and none is run. Take a model of transformers' own classes, or "
            "remove auto_map from the file where they read this one"
        )
