"""A backbone: an open_clip model with its tokenizer, preprocessing and its towers' digests."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from uwm.backbones.architecture import canonical
from uwm.backbones.geometry import Geometry, Normalization
from uwm.backbones.kept import Kept
from uwm.backbones.tokens import Tokenizer, cut_texts, real_tokens, tokenizer_digest
from uwm.config import Precision
from uwm.errors import NotFiniteError, WrongWeightsError
from uwm.families import TOWERS, Tower

DTYPES: Mapping[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


VARIANTS = 4
"""How many other weights of a backbone a process keeps beside its own."""


@dataclass
class Backbone:
    """One contrastive model, ready to encode.

    Attributes:
        model: the open_clip model, float32, in eval mode.
        tokenizer: texts to token ids.
        model_config: open_clip's `model_cfg`.
        geometry: how a picture becomes uint8 pixels.
        normalization: how uint8 pixels become the image tower's input.
        precision: what a forward pass computes in; weights and embeddings are float32 whatever.
        locks: hold a tower's while its weights are edited or its modules patched.
        reload: what loads it again, in another process too, from its files where `anew` is set;
            None for one that was built by hand.
        origin: of a variant what it was made of, and how.
        variants: backbones that were made of this one lately, see `variant`.
    """

    model: nn.Module
    tokenizer: Tokenizer
    model_config: dict[str, Any]
    geometry: Geometry
    normalization: Normalization
    precision: Precision = "fp32"
    locks: dict[Tower, threading.Lock] = field(
        default_factory=lambda: {"image": threading.Lock(), "text": threading.Lock()}
    )

    reload: Callable[..., Backbone] | None = None
    origin: tuple[Backbone, Callable[[Backbone], Backbone]] | None = field(default=None, repr=False)
    variants: Kept[Backbone] = field(default_factory=lambda: Kept(VARIANTS), init=False, repr=False)

    def __reduce__(self) -> tuple[Callable[..., Backbone], tuple[Any, ...]]:
        """No weights go to another process, but where to find them and what they must be."""
        if self.origin is not None:
            return _variant, (*self.origin, self._tower_digests)
        if self.reload is None:
            raise TypeError("a backbone that was not loaded from files stays in its process")
        threads = torch.get_num_threads()
        return _again, (self.reload, self._tower_digests, threads, BACKBONES.limit)

    @cached_property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.model_config["embed_dim"])

    @cached_property
    def tokenizer_digest(self) -> str:
        """SHA-256 of all that decides a text's ids."""
        return tokenizer_digest(self.tokenizer)

    @cached_property
    def _tower_digests(self) -> dict[Tower, str]:
        return {tower: self._digest(tower) for tower in TOWERS}

    def tower_digest(self, tower: Tower) -> str:
        """SHA-256 of all that decides a tower's embeddings: weights, architecture, normalization.

        Content, not name: the same weights under two names share every artifact. Computed once,
        before any edit.
        """
        return self._tower_digests[tower]

    def _digest(self, tower: Tower) -> str:
        architecture = canonical(self.model_config, tower)
        if tower == "image":
            architecture["normalization"] = self.normalization.model_dump()
        digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
        # CLIP keeps its text tower's parts at the top, others below `text`.
        state = {
            name.removeprefix("text."): value
            for name, value in self.model.state_dict().items()
            if _tower_of(name) == tower
        }
        for name, value in sorted(state.items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.cpu().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def staged(self, array: NDArray[Any]) -> Tensor:
        """An input in memory from which a GPU copies while it computes (pinned)."""
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def tokenize(self, texts: list[str]) -> Tensor:
        """Token ids, int64 (texts, context)."""
        ids: Tensor = self.tokenizer(texts)
        return ids

    def real_tokens(self, ids: Tensor) -> Tensor:
        """Which of a text's tokens are real: bool (texts, tokens), see `uwm.backbones.tokens`."""
        return real_tokens(ids, self.tokenizer, self.model)

    def cut_texts(self, texts: list[str], ids: Tensor) -> Tensor:
        """Which texts are longer than the context and lose their end: bool (texts,).

        Args:
            ids: what `tokenize` made of them.
        """
        return cut_texts(texts, ids, self.tokenizer)

    def variant(self, change: Callable[[Backbone], Backbone]) -> Backbone:
        """This backbone with other weights, made by `change` once per process.

        The latest `VARIANTS` are kept as long as this one is. They run under the same locks, so
        that either may share tensors with the other, and go to another process as this one does.

        Args:
            change: hashable, and fit for another process itself; called while no tower runs or
                carries an edit.
        """

        def make() -> Backbone:
            with self.locks["image"], self.locks["text"]:
                made = dataclasses.replace(
                    change(self), locks=self.locks, reload=None, origin=(self, change)
                )
                made.tower_digest("image")  # computed before any edit
                return made

        return self.variants.get(change, make)

    def posing(self, digests: Mapping[Tower, str]) -> Backbone:
        """This backbone under the digests of weights that are not made yet, for plans."""
        pose = dataclasses.replace(self, reload=None, origin=None)
        pose.__dict__["_tower_digests"] = {**self._tower_digests, **digests}
        return pose

    def forward(self, tower: Tower, inputs: Tensor) -> Tensor:
        """Embeddings as the model gives them, float32 (samples, dim), without gradients.

        Args:
            inputs: for the image tower uint8 pixels (samples, 3, H, W), or float ones that are
                normalised already; for the text tower token ids (samples, context).
        """
        inputs = self._prepared(inputs)
        with torch.inference_mode(), self._casting():
            return self._encoded(tower, inputs).float()

    def differentiable(self, tower: Tower, inputs: Tensor) -> Tensor:
        """Embeddings as `forward` gives them, for autograd: always in float32, no cast around it.

        Gradients reach the parameters that ask for them, where gradients are on.
        """
        return self._encoded(tower, self._prepared(inputs))

    def _prepared(self, inputs: Tensor) -> Tensor:
        """Inputs of `forward` as the model reads them, on its device."""
        inputs = inputs.to(self.device, non_blocking=True)
        return self.normalization(inputs) if inputs.dtype == torch.uint8 else inputs

    def _encoded(self, tower: Tower, inputs: Tensor) -> Tensor:
        encode = self.model.encode_image if tower == "image" else self.model.encode_text
        embeddings: Tensor = encode(inputs)  # type: ignore[operator]
        return embeddings

    def _casting(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=DTYPES[self.precision])

    def uncast(self) -> AbstractContextManager[object]:
        """Inside of a forward pass: products in float32 again, whatever the pass computes in."""
        if self.precision == "fp32":  # entering costs as much as a small product
            return nullcontext()
        return torch.autocast(self.device.type, enabled=False)

    def encode(self, tower: Tower, inputs: Tensor) -> Tensor:
        """Embeddings of unit length, float32 (samples, dim); `inputs` as for `forward`."""
        return F.normalize(self.forward(tower, inputs), dim=-1)

    def check_finite(self, tower: Tower, embeddings: NDArray[np.float32]) -> None:
        """Raise NotFiniteError where embeddings hold NaN or infinity.

        Metrics compare: of such embeddings they would all be numbers, and some of them 100 %.
        """
        bad = int((~np.isfinite(embeddings)).any(axis=1).sum())
        if bad:
            raise NotFiniteError(
                f"the {tower} tower computes NaN or infinity for {bad} of {len(embeddings)} "
                f"samples in {self.precision}; its weights are damaged, or need precision: fp32"
            )


BACKBONES: Kept[Backbone] = Kept(1)
"""What was sent to this process, by what loads it and its digests: as many as are audited at a
time, since their runs take turns."""


def _again(
    reload: Callable[..., Backbone], digests: Mapping[Tower, str], threads: int, limit: int
) -> Backbone:
    """The backbone in this process, which computes with as many threads as the other one.

    Sums that are split otherwise differ in their last bit.

    Args:
        limit: how many backbones this process may keep.

    Raises:
        WrongWeightsError: its files have changed since it was loaded in the other one.
    """
    torch.set_num_threads(threads)
    BACKBONES.allow(limit)

    def make() -> Backbone:  # digested before any task may edit it
        backbone = reload()
        if any(backbone.tower_digest(tower) != digest for tower, digest in digests.items()):
            backbone = reload(anew=True)  # this process had loaded what the files were before
        return _checked(backbone, digests)

    return BACKBONES.get((reload, *sorted(digests.items())), make)


def _variant(
    original: Backbone, change: Callable[[Backbone], Backbone], digests: Mapping[Tower, str]
) -> Backbone:
    return _checked(original.variant(change), digests)


def _checked(backbone: Backbone, digests: Mapping[Tower, str]) -> Backbone:
    for tower, digest in digests.items():
        if backbone.tower_digest(tower) != digest:
            raise WrongWeightsError(
                f"the weights of the {tower} tower are not those that the run began with; "
                "they changed meanwhile, or a worker has other files. Run again."
            )
    return backbone


def _tower_of(parameter: str) -> Tower | None:
    """The tower that a state-dict entry belongs to; None for the logit scale and CoCa's decoder."""
    if parameter.startswith("visual."):
        return "image"
    if parameter.startswith("text_decoder.") or parameter in ("logit_scale", "logit_bias"):
        return None
    return "text"
