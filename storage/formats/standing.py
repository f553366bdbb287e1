"""Where a long computation stands, noted in its draft: what a killed one goes on from.

One file, replaced as a whole. A draft has no checksums yet, so it begins with its own digest
(SHA-256 of all that follows): 32 bytes, the length of a JSON text (8 bytes, little-endian), the
text, and tensors in safetensors' format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from storage.store import durable

_NAME = "standing"
_DIGEST, _LENGTH = 32, 8


def note(folder: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
    """Note in a draft how far a computation has come, in place of what was noted before."""
    text = json.dumps(content).encode()
    held = {name: tensor.contiguous() for name, tensor in tensors.items()}
    body = len(text).to_bytes(_LENGTH, "little") + text + save(held)
    durable.write(folder / _NAME, hashlib.sha256(body).digest() + body)


def noted(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `note` noted last; None where nothing was, or where it is damaged."""
    try:
        whole = (folder / _NAME).read_bytes()
    except FileNotFoundError:
        return None
    digest, body = whole[:_DIGEST], whole[_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        return None
    length = _LENGTH + int.from_bytes(body[:_LENGTH], "little")
    content: dict[str, Any] = json.loads(body[_LENGTH:length])
    return load(body[length:]), content


def drop(folder: Path) -> None:
    """Leave nothing of it in the finished artifact, nor of a writer that was killed."""
    for left in (folder / _NAME, *folder.glob(f".{_NAME}*")):
        left.unlink(missing_ok=True)
