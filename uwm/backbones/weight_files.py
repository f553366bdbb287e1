"""Weight files from anyone: read without running what is in them, and put into a network.

safetensors hold nothing but numbers, and the library checks their headers. PyTorch's own files are
zip archives with a pickle: torch's restricted unpickler reads that, and archives that hold
compiled code or unpack to more than they are on disk are refused before.
"""

from __future__ import annotations

import logging
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from uwm.backbones.weight_index import shard_names
from uwm.errors import UnknownBackboneError, UnsafeWeightsError
from uwm.git_lfs import REMEDY, is_pointer_file

_logger = logging.getLogger(__name__)

_OPENAI_KEYS = {"input_resolution", "context_length", "vocab_size"}
"""What OpenAI's own checkpoints hold beside weights."""
_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
"""Parts of names that torch.compile and wrappers of modules add, at any depth."""
_PREFIXES = ("module.", "model.", "clip_model.", "clip.", "net.", "network.", "base_model.")
"""What trainers call the model that they hold, where all names begin with it."""
_STATE_DICTS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights")
"""Where trainers put weights in a checkpoint, those that are trained before averages of them."""
_MAX_NESTING = 4


def read_weights(files: Sequence[Path]) -> dict[str, Tensor]:
    """The state dict in one file, or in several that share it.

    A training checkpoint's weights are taken out, and what trainers put before their names removed.

    Raises:
        UnknownBackboneError: unreadable, or not weights.
        UnsafeWeightsError: reading it could run code.
    """
    found: dict[str, Tensor] = {}
    for path in files:
        found |= _tensors(path)
    return _unprefixed(found)


def _unprefixed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names without what wrappers and trainers put into them."""
    found = {
        ".".join(part for part in name.split(".") if part not in _WRAPPERS): value
        for name, value in weights.items()
    }
    if len(found) < len(weights):
        raise UnknownBackboneError(
            f"the weights hold a model twice, with and without {' or '.join(sorted(_WRAPPERS))} in "
            "its names; save one of them"
        )
    while prefix := _shared_prefix(found):
        found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def _shared_prefix(names: Iterable[str]) -> str | None:
    names = list(names)
    return next(
        (prefix for prefix in _PREFIXES if names and all(n.startswith(prefix) for n in names)), None
    )


def shards(index: Path) -> tuple[Path, ...]:
    """The files that a `*.index.json` of sharded weights names, which lie beside it.

    Raises:
        UnknownBackboneError: malformed, or files are missing or elsewhere.
    """
    paths = tuple(index.parent / name for name in shard_names(index))
    if missing := [path.name for path in paths if not path.is_file()]:
        raise UnknownBackboneError(f"{index} names {missing[0]}, which does not lie beside it")
    return paths


def fill(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Move `weights` into `model`: all of them, into all of its parameters.

    Emptied on the way: what is copied is let go, so that two copies are never held.

    Raises:
        UnknownBackboneError: names or shapes differ; nothing is resized or left as it is.
    """
    wanted = model.state_dict()
    state = _adapted(model, weights, wanted)
    problems = [f"{name} is missing" for name in wanted if name not in state]
    problems += [f"{name} is not part of this model" for name in state if name not in wanted]
    problems += [
        f"{name} has shape {tuple(state[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in state and state[name].shape != value.shape
    ]
    if problems:
        raise UnknownBackboneError(
            f"the weights are not those of this model; {len(problems)} differences: "
            f"{'; '.join(problems[:5])}{'; ...' if len(problems) > 5 else ''}"
            f"{_prefix_hint(wanted, state)}"
        )
    weights.clear()
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(state.pop(name))


def _prefix_hint(wanted: Iterable[str], given: Iterable[str]) -> str:
    """What to do where the names are there, behind something that is put before them."""
    prefixes: Counter[str] = Counter()
    names = {name for name in wanted if "." in name}
    for name in given:
        parts = name.split(".")
        prefixes.update(
            {
                ".".join(parts[:cut]) + "."
                for cut in range(1, len(parts))
                if ".".join(parts[cut:]) in names
            }
        )
    most = prefixes.most_common(1)
    if not most or most[0][1] < len(names) / 2:
        return ""
    prefix, count = most[0]
    return (
        f". {count} of the model's {len(names)} names are there with the prefix {prefix!r}; save "
        "the state dict of that part alone"
    )


def is_openai(weights: Mapping[str, Tensor]) -> bool:
    """Whether these are OpenAI's own, which were trained with QuickGELU."""
    return set(weights) >= _OPENAI_KEYS


def _adapted(
    model: nn.Module, weights: dict[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Older and foreign names of the same weights, as open_clip's own loading knows them."""
    state = {name: value for name, value in weights.items() if name not in _OPENAI_KEYS}
    state = dict(convert_state_dict(model, state))
    if "positional_embedding" in state and "positional_embedding" not in wanted:
        state = dict(convert_to_custom_text_state_dict(state))
    if not any(name.startswith("text.") for name in wanted):  # saved with --force-custom-text
        state = {name.removeprefix("text."): value for name, value in state.items()}
    for name in ("logit_scale", "logit_bias"):
        if name in state and name in wanted and state[name].numel() == 1:
            state[name] = state[name].reshape(wanted[name].shape)
    # None of these changes an embedding: a bias that training with another loss left out or has
    # beside, and numbers of positions that older versions of transformers stored.
    if "logit_bias" in wanted and "logit_bias" not in state:
        state["logit_bias"] = torch.zeros_like(wanted["logit_bias"])
    if "logit_bias" not in wanted:
        state.pop("logit_bias", None)
    positions = "text.transformer.embeddings.position_ids"
    if positions not in wanted:
        state.pop(positions, None)
    return state


def _tensors(path: Path) -> dict[str, Tensor]:
    if is_pointer_file(path):
        raise UnknownBackboneError(f"{path} {REMEDY}")
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise UnknownBackboneError(
                f"{path} is not a whole safetensors file: {error}"
            ) from error
    _check_archive(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the unpickler raises many kinds; all mean that it was not read
        refused = "weights_only" in str(error) or "Unsupported" in str(error)
        kind = UnsafeWeightsError if refused else UnknownBackboneError
        said = (
            "holds more than weights, and unpickling that could run code"
            if refused
            else (f"is not a file of PyTorch weights ({type(error).__name__})")
        )
        raise kind(
            f"{path} {said}. Convert it to .safetensors where you trust it, or ask its publisher to"
        ) from error
    return _only_tensors(path, _state_dict(path, content))


def _state_dict(path: Path, content: Any) -> Any:
    """The weights of a checkpoint, however a trainer has wrapped them.

    Raises:
        UnknownBackboneError: there are several, and none under a name that says which is meant.
    """
    for _ in range(_MAX_NESTING):
        if not isinstance(content, dict) or not content or _is_state_dict(content):
            break
        mappings = [key for key, value in content.items() if isinstance(value, dict) and value]
        whole = [key for key in mappings if _is_state_dict(content[key])]
        known = [key for key in _STATE_DICTS if key in whole] or [
            key for key in _STATE_DICTS if key in mappings
        ]
        if not known and len(whole) > 1:
            raise UnknownBackboneError(
                f"{path} holds several state dicts, {', '.join(map(repr, whole))}; save the one "
                "that is meant"
            )
        if not known and not whole:
            break
        taken = (known or whole)[0]
        if len(whole) > 1:
            others = ", ".join(repr(key) for key in whole if key != taken)
            _logger.warning("%s: read %r of it, not %s", path, taken, others)
        content = content[taken]
    return content


def _is_state_dict(content: dict[Any, Any]) -> bool:
    return all(isinstance(name, str) for name in content) and all(
        isinstance(value, Tensor) for value in content.values()
    )


def _only_tensors(path: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, dict) or not content:
        raise UnknownBackboneError(
            f"{path} should hold a state dict, names with tensors; it holds a "
            f"{type(content).__name__}"
        )
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UnknownBackboneError(
                f"{path} should hold names with tensors; under {name!r} is a {type(value).__name__}"
            )
    return dict(content)


def _check_archive(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return  # torch's older format, which its unpickler restricts as well
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnknownBackboneError(f"{path} is a damaged archive: {error}") from error
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise UnsafeWeightsError(
            f"{path} is a TorchScript archive: a program, not weights. Where you trust it, convert "
            'it once: python -c "import torch; '
            f"torch.save(torch.jit.load('{path.name}', map_location='cpu').state_dict(), "
            f"'{path.stem}.bin')\""
        )
    unpacked = sum(member.file_size for member in members)
    if unpacked > path.stat().st_size:
        raise UnsafeWeightsError(
            f"{path} unpacks to {unpacked} bytes, more than it has; PyTorch stores weights as they "
            "are. Save it again with torch.save"
        )
