"""A calibration set small enough to run every stage in a moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from storage.sources import Source
from storage.store.store import Store
from tasks.capture import StatisticsSpec, capture_statistics
from tasks.datasets import DatasetSpec, DataSettings, identify, ingest
from tasks.edit import AnyEditSpec, ControlEditSpec, EditSpec, edit
from tasks.embed import EmbeddingsSpec, embed
from tasks.pixels import PixelsSpec, decode_pixels
from tasks.score import ScoresSpec, score
from tasks.tokens import TokensSpec, tokenize
from tests.makers.backbones import LoadFresh
from uwm.backbones.backbone import Backbone
from uwm.config import DemoPairs
from uwm.config.methods.requests import Draw, Rule
from uwm.method.edit_files import read_edit
from uwm.method.editing import Edit


@dataclass
class Bench:
    """A store with one ingested pair set, and a backbone to run on it."""

    store: Store
    backbone: Backbone
    source: Source
    dataset: DatasetSpec
    pixels: PixelsSpec
    tokens: TokensSpec


@pytest.fixture(scope="session")
def first_bench(
    tmp_path_factory: pytest.TempPathFactory, load_fresh: LoadFresh, prefect_server: None
) -> Bench:
    """The one that every test gets a copy of."""
    store, backbone = Store(tmp_path_factory.mktemp("bench") / "store"), load_fresh("clip")
    config = DemoPairs(kind="demo", split="calibration", per_concept=2)
    source, dataset = identify(config, seed=0)
    pixels = PixelsSpec(dataset=dataset, geometry=backbone.geometry)
    tokens = TokensSpec(dataset=dataset, tokenizer=backbone.tokenizer_digest)
    ingest.fn([dataset], store)
    decode_pixels.fn([pixels], store)
    tokenize.fn([tokens], store, backbone)
    return Bench(store, backbone, source, dataset, pixels, tokens)


@pytest.fixture
def bench(first_bench: Bench, tmp_path: Path, load_fresh: LoadFresh) -> Bench:
    shutil.copytree(first_bench.store.root, tmp_path / "store")
    store = Store(tmp_path / "store")
    return replace(first_bench, store=store, backbone=load_fresh("clip"))


def embedded(bench: Bench) -> tuple[EmbeddingsSpec, EmbeddingsSpec]:
    """Image and text embeddings of the bench's pairs, in its store."""
    pair = (
        EmbeddingsSpec.of(bench.backbone, "image", None, bench.pixels),
        EmbeddingsSpec.of(bench.backbone, "text", None, bench.tokens),
    )
    for spec in pair:
        embed.fn([spec], bench.store, bench.backbone, 64)
    return pair


Pose = Callable[[Source], DatasetSpec]
"""A spec whose data set is a source that a test has made."""


@pytest.fixture
def pose(monkeypatch: pytest.MonkeyPatch) -> Pose:
    made: dict[str, Source] = {}

    def posed(source: Source) -> DatasetSpec:
        config = DemoPairs(kind="demo", split="calibration")
        spec = DatasetSpec.of(source, DataSettings.of(config, 0))
        made[spec.content] = source
        return spec

    monkeypatch.setattr(DatasetSpec, "source", property(lambda spec: made[spec.content]))
    return posed


def edits(bench: Bench, rule: Rule, share: float) -> tuple[Edit, Edit, Edit]:
    """An edit and two controls of equal contribution."""
    one, first, second = (
        read_edit(bench.store.path(spec)) for spec in edit_specs(bench, rule, share)
    )
    return one, first, second


def edit_specs(bench: Bench, rule: Rule, share: float) -> list[AnyEditSpec]:
    """An edit and two controls of equal contribution, in the bench's store."""
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2",), bench.tokens)
    scores = ScoresSpec.of(statistics, "node" if rule == "nodes" else "weight", "ratio", ("fc2",))
    made = EditSpec(scores=scores, rule=rule, share=share, alpha=-1.0)
    draws = [Draw("contribution", seed) for seed in (0, 1)]
    specs: list[AnyEditSpec] = [
        made,
        *(ControlEditSpec(like=made, draw=draw, statistics=statistics) for draw in draws),
    ]
    capture_statistics.fn(statistics, bench.store, bench.backbone, 64)
    score.fn([scores], bench.store, bench.backbone)
    edit.fn(specs, bench.store, bench.backbone)
    return specs
