"""Tokenizers of transformers, built from files that may be anyone's.

transformers takes classes, arguments, paths and Python code from the JSON files of a folder. Here
these files are read first, what is known of them is copied into a folder of our own beside links to
the vocabulary, and transformers sees that one alone: nothing in it names code, or another place.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uwm.backbones.files import inside, read_json
from uwm.backbones.hugging_face.borrowed import CONFIG, refuse_code
from uwm.errors import UnknownBackboneError

if TYPE_CHECKING:
    from open_clip.tokenizer import HFTokenizer

_logger = logging.getLogger(__name__)

VOCABULARIES = (
    *("tokenizer.json", "spiece.model", "sentencepiece.bpe.model"),
    *("vocab.json", "vocab.txt"),
)
"""The file that holds a Hugging Face tokenizer's vocabulary, under the names it has."""
SETTINGS, SPECIAL, ADDED = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
COMPANIONS = (SETTINGS, SPECIAL, ADDED, "merges.txt", "tokenizer.model")
"""What may lie beside a vocabulary."""

_LINKED = (*VOCABULARIES, "merges.txt", "tokenizer.model")
_VOCABULARY_BYTES = 2**28
"""Eight times the file of SigLIP 2, whose vocabulary is the largest in use."""
_SETTINGS_BYTES = 2**24
"""They may list thousands of added tokens."""

_CLASSES = frozenset(
    (
        *("Albert", "Bert", "CLIP", "Camembert", "DebertaV2", "DistilBert", "Electra", "Gemma"),
        *("GPT2", "Llama", "M2M100", "MBart", "MPNet", "MT5", "Nllb", "PreTrained", "Qwen2"),
        *("Roberta", "Siglip", "Siglip2", "T5", "XLMRoberta"),
    )
)
"""Tokenizers that transformers has itself (`...Tokenizer`, `...TokenizerFast`)."""
_KINDS = frozenset(
    (
        *("albert", "bert", "camembert", "clip", "clip_text_model", "deberta-v2", "distilbert"),
        *("electra", "gemma", "gemma2", "gpt2", "llama", "m2m_100", "mbart", "mpnet", "mt5"),
        *("nllb", "qwen2", "roberta", "siglip", "siglip2", "siglip_text_model", "t5"),
        "xlm-roberta",
    )
)
"""Types of model whose tokenizers those are."""

Token = dict[str, bool | str]
_FLAGS = frozenset(
    (
        *("add_bos_token", "add_eos_token", "add_prefix_space", "clean_up_tokenization_spaces"),
        *("do_basic_tokenize", "do_lower_case", "keep_accents", "legacy", "legacy_behaviour"),
        *("remove_space", "spaces_between_special_tokens", "split_by_punct"),
        *("split_special_tokens", "strip_accents", "tokenize_chinese_chars", "trim_offsets"),
    )
)
_WORDS: Mapping[str, str] = {
    "errors": "strict|replace|ignore",
    "padding_side": "left|right",
    "truncation_side": "left|right",
    "src_lang": "[A-Za-z_]{2,16}",
    "tgt_lang": "[A-Za-z_]{2,16}",
}
_QUIET = frozenset(
    (
        *("backend", "chat_template", "device_map", "is_local", "local_files_only", "max_length"),
        *("name_or_path", "pad_to_multiple_of", "pad_token_type_id", "padding"),
        *("processor_class", "sp_model_kwargs", "special_tokens_map_file", "stride"),
        *("tokenizer_file", "truncation", "truncation_strategy", "use_default_system_prompt"),
        *("use_fast", "vocab_file"),
    )
)
"""Of no effect here, or written over by transformers itself: left out without a word."""


def open_tokenizer(folder: Path, text: Mapping[str, Any]) -> HFTokenizer:
    """open_clip's wrapper around the tokenizer whose files lie in `folder`.

    Args:
        text: the text tower's `text_cfg`, whose `tokenizer_kwargs` are the wrapper's own; none
            goes on to transformers.

    Raises:
        UnknownBackboneError: see `tokenizer_settings`; or transformers is not installed.
    """
    from open_clip.tokenizer import HFTokenizer

    settings = tokenizer_settings(folder)
    options = text.get("tokenizer_kwargs") or {}
    with tempfile.TemporaryDirectory(prefix="uwm-tokenizer-") as name:
        for file, content in settings.items():
            (Path(name) / file).write_text(json.dumps(content), encoding="utf-8")
        for file in _LINKED:
            if (path := inside(folder, file)).is_file():
                (Path(name) / file).symlink_to(path.resolve())
        try:
            return HFTokenizer(
                name,
                context_length=text.get("context_length", 77),
                clean=options.get("clean", "whitespace"),
                strip_sep_token=options.get("strip_sep_token", False),
                language=options.get("language"),
                tokenizer_mode=text.get("tokenizer_mode"),
                trust_remote_code=False,
                local_files_only=True,
            )
        except ImportError as error:
            raise UnknownBackboneError(
                "its tokenizer needs the transformers package, and perhaps sentencepiece: "
                f"pip install transformers sentencepiece ({error})"
            ) from error


def tokenizer_settings(folder: Path) -> dict[str, dict[str, Any]]:
    """What is heeded of a tokenizer's JSON files, by file name; its vocabulary is not read.

    Raises:
        UnknownBackboneError: a file leads out of the folder, is too large, names code, or says
            something malformed.
    """
    found: dict[str, dict[str, Any]] = {}
    for file in _LINKED:
        if (path := inside(folder, file)).is_file() and path.stat().st_size > _VOCABULARY_BYTES:
            raise UnknownBackboneError(
                f"{path} has more than {_VOCABULARY_BYTES} bytes, which no vocabulary does. Get "
                "the tokenizer's files from its publisher again"
            )
    for file, heeded in ((SETTINGS, _settings), (SPECIAL, _special), (ADDED, _added)):
        if (path := inside(folder, file)).is_file():
            content = read_json(path, _SETTINGS_BYTES)
            refuse_code(content, path)
            found[file] = heeded(content, path)
    if (path := inside(folder, CONFIG)).is_file():
        # Tells transformers the tokenizer's class where its settings do not.
        content = read_json(path)
        refuse_code(content, path)
        kind = content.get("model_type")
        if isinstance(kind, str) and kind in _KINDS:
            found[CONFIG] = {"model_type": kind}
    return found


def _settings(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The known settings of a `tokenizer_config.json`."""
    found: dict[str, Any] = {}
    ignored = []
    for key, value in content.items():
        if key == "tokenizer_class":
            if value is not None:
                found[key] = _class(value, path)
        elif key in _FLAGS:
            if not isinstance(value, bool | None):
                raise _wrong(path, key, value, "true or false")
            found[key] = value
        elif key in _WORDS:
            if value is not None and not (
                isinstance(value, str) and re.fullmatch(_WORDS[key], value)
            ):
                raise _wrong(path, key, value, f"text that matches {_WORDS[key]}")
            found[key] = value
        elif key in ("model_max_length", "extra_ids"):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise _wrong(path, key, value, "a number")
            if key == "extra_ids" and value > 1000:
                raise _wrong(path, key, value, "at most 1000")
            found[key] = value
        elif key == "added_tokens_decoder":
            if not isinstance(value, dict) or not all(
                re.fullmatch("[0-9]{1,7}", number) and isinstance(token, dict)
                for number, token in value.items()
            ):
                raise _wrong(path, key, value, "a mapping from ids to tokens")
            found[key] = {number: _token(token, path, key) for number, token in value.items()}
        elif not _is_special(key, value):
            ignored += [key] if key not in _QUIET else []
    if ignored:
        _logger.warning("%s: left out %s, which this version does not know", path, ignored)
    return {**found, **_special(content, path)}


def _class(value: object, path: Path) -> str:
    if isinstance(value, str):
        bare = value.removesuffix("Fast").removesuffix("Tokenizer")
        if value == "TokenizersBackend" or (bare in _CLASSES and value != bare):
            return value
    raise _wrong(
        path,
        "tokenizer_class",
        value,
        f"one of transformers' own: {', '.join(sorted(_CLASSES))}, with Tokenizer or TokenizerFast",
    )


def _special(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The special tokens among settings, or of a `special_tokens_map.json`."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if not _is_special(key, value):
            continue
        if isinstance(value, list) and not key.endswith("_token"):
            found[key] = [_token(token, path, key) for token in value]
        elif key.endswith("_special_tokens"):
            named = {name: token for name, token in value.items() if name.endswith("_token")}
            found[key] = {name: _token(token, path, key) for name, token in named.items()}
        else:
            found[key] = _token(value, path, key)
    return found


def _is_special(key: str, value: object) -> bool:
    if key in ("additional_special_tokens", "extra_special_tokens"):
        return isinstance(value, list | dict)
    return re.fullmatch("[a-z][a-z0-9_]{0,40}_token", key) is not None and key not in _FLAGS


def _added(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    for token, number in content.items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 4_000_000:
            raise _wrong(path, token, number, "an id")
    return dict(content)


def _token(value: object, path: Path, key: str) -> str | Token | None:
    if value is None or (isinstance(value, str) and len(value) <= 1000):
        return value
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        flags = ("lstrip", "rstrip", "normalized", "single_word", "special")
        known: Token = {"content": value["content"]}
        if value.get("__type") == "AddedToken":
            known["__type"] = "AddedToken"
        for flag in flags:
            if isinstance(value.get(flag), bool):
                known[flag] = value[flag]
        return known
    raise _wrong(path, key, value, "a token: text, or a mapping with `content`")


def _wrong(path: Path, key: str, value: object, rule: str) -> UnknownBackboneError:
    shown = repr(value)[:80]
    return UnknownBackboneError(f"{path}: {key} is {shown}; it should be {rule}. Correct it there")
