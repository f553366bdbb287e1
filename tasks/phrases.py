"""Token ids of the phrases that redirections of a text tower leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from storage.formats.datasets import read_dataset
from storage.formats.samples import SampleArrays
from storage.store.spec import Input, Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.datasets import DatasetSpec
from tasks.stage import stage
from tasks.tokens import token_field
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.method.phrases import preserved_phrases

PARTITION = "phrases"


class PhrasesSpec(Spec):
    """Token ids (texts, context), int32, of one partition: see `uwm.method.phrases`.

    Attributes:
        dataset: the one with the safe captions.
        words: whether phrases of the captions' words are among them.
        phrases: further ones.
    """

    kind: ClassVar[str] = "tokens"
    resumable: ClassVar[bool] = True
    dataset: Input[DatasetSpec]
    tokenizer: str
    words: bool
    phrases: tuple[str, ...]


@stage(PhrasesSpec, cost=free)
def tokenize_phrases(specs: Sequence[PhrasesSpec], store: Store, backbone: Backbone) -> None:
    """Gather the phrases and tokenize them."""
    for spec in specs:
        captions = read_dataset(store.path(spec.dataset.kind, spec.dataset.digest)).texts["safe"]
        phrases = preserved_phrases(captions, spec.phrases, words=spec.words)

        def build(folder: Path) -> None:
            fields = {PARTITION: token_field(backbone)}
            arrays = SampleArrays.create(folder, len(phrases), CHUNK, fields)
            for rows in arrays.missing():
                arrays.write(rows, {PARTITION: backbone.tokenize(phrases[rows]).numpy()})

        store.make(spec, build)
