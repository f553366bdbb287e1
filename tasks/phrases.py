"""Token ids of the phrases that redirections of a text tower leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from storage.formats.datasets import read_dataset
from storage.formats.samples import SampleArrays
from storage.store.store import Store
from tasks.artifacts import TowerInputsSpec
from tasks.cost import Cost, stored_bytes
from tasks.datasets import DatasetSpec
from tasks.stage import stage
from tasks.tokens import token_field
from uwm.backbones.backbone import Backbone
from uwm.chunks import CHUNK
from uwm.method.phrases import preserved_phrases

PARTITION = "phrases"


class PhrasesSpec(TowerInputsSpec):
    """Token ids (texts, context), int32, of one partition: see `uwm.method.phrases`.

    Attributes:
        dataset: the one with the safe captions.
        words: whether phrases of the captions' words are among them.
        phrases: further ones.
        count: of all of them; no part of the digest, since it follows.
    """

    kind: ClassVar[str] = "tokens"
    resumable: ClassVar[bool] = True
    tokenizer: str
    words: bool
    phrases: tuple[str, ...]
    count: int = Field(exclude=True)

    @classmethod
    def of(
        cls, dataset: DatasetSpec, tokenizer: str, phrases: Sequence[str] = (), *, words: bool
    ) -> PhrasesSpec:
        """Those of a data set that this process has read."""
        captions = dataset.source.texts["safe"].tolist()
        return cls(
            dataset=dataset,
            tokenizer=tokenizer,
            words=words,
            phrases=tuple(phrases),
            count=len(preserved_phrases(captions, phrases, words=words)),
        )

    @property
    def samples(self) -> int:
        return self.count

    @property
    def partitions(self) -> int:
        return 1


def _cost(spec: PhrasesSpec, backbone: Backbone) -> Cost:
    return Cost(lambda: stored_bytes([token_field(backbone)], [spec.count]), spec.count)


@stage(PhrasesSpec, cost=_cost)
def tokenize_phrases(specs: Sequence[PhrasesSpec], store: Store, backbone: Backbone) -> None:
    """Gather the phrases and tokenize them."""
    for spec in specs:
        captions = read_dataset(store.path(spec.dataset)).texts["safe"]
        phrases = preserved_phrases(captions, spec.phrases, words=spec.words)

        def build(folder: Path) -> None:
            fields = {PARTITION: token_field(backbone)}
            arrays = SampleArrays.create(folder, len(phrases), CHUNK, fields)
            for rows in arrays.missing():
                arrays.write(rows, {PARTITION: backbone.tokenize(phrases[rows]).numpy()})

        store.make(spec, build)
