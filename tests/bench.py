"""A calibration set small enough to run every stage in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.sources import Source, content_digest, read_source
from storage.store.store import Store
from tasks.datasets import DatasetSpec, ingest
from tasks.pixels import PixelsSpec, decode_pixels
from tasks.tokens import TokensSpec, tokenize
from tests.conftest import LoadFresh
from uwm.backbones.backbone import Backbone
from uwm.config import DemoPairs


@dataclass
class Bench:
    """A store with one ingested pair set, and a backbone to run on it."""

    store: Store
    backbone: Backbone
    source: Source
    dataset: DatasetSpec
    pixels: PixelsSpec
    tokens: TokensSpec


@pytest.fixture
def bench(tmp_path: Path, load_fresh: LoadFresh, prefect_server: None) -> Bench:
    store, backbone = Store(tmp_path / "store"), load_fresh("clip")
    source = read_source(DemoPairs(kind="demo", split="calibration", per_concept=2))
    dataset = DatasetSpec.of(content_digest(source))
    pixels = PixelsSpec.of(dataset, backbone.geometry)
    tokens = TokensSpec.of(dataset, backbone)
    ingest.fn([dataset], store, [source])
    decode_pixels.fn([pixels], store, [source])
    tokenize.fn([tokens], store, backbone)
    return Bench(store, backbone, source, dataset, pixels, tokens)
