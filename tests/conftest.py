"""Real parts for every test: small open_clip models with random weights, and real pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from prefect.settings import temporary_settings
from prefect.testing.utilities import prefect_test_harness

from tests.makers.backbones import MODELS, LoadFresh, write_backbone
from tests.makers.server import SILENT
from tests.makers.small_audits import small_audit
from uwm.backbones.backbone import Backbone
from uwm.backbones.load import load
from uwm.config import AuditConfig, FolderBackbone

pytest_plugins = ["tests.makers.bench", "tests.makers.object_store"]


@pytest.fixture(scope="session", autouse=True)
def no_power_cuts() -> Iterator[None]:
    """Nothing waits for the disk: tests kill processes, and a kill takes no written byte back."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_vocabulary() -> Iterator[None]:
    """open_clip's own vocabulary is unpacked once; most of what a small model takes to load."""
    shared = cache(open_clip.SimpleTokenizer)

    def tokenizer(**options: Any) -> open_clip.SimpleTokenizer:
        own = options.keys() == {"context_length"}
        made: open_clip.SimpleTokenizer = (shared if own else open_clip.SimpleTokenizer)(**options)
        return made

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("uwm.backbones.load.SimpleTokenizer", tokenizer)
        yield


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a backbone per family."""
    root = tmp_path_factory.mktemp("zoo")
    return {family: write_backbone(root / family, family) for family in MODELS}


@pytest.fixture(scope="session")
def small(zoo: dict[str, Path]) -> Callable[..., AuditConfig]:
    """The small audit of some families, with parts of its document changed."""

    def config(*families: str, **changes: Any) -> AuditConfig:
        return small_audit({family: zoo[family] for family in families or ("clip",)}, **changes)

    return config


@pytest.fixture(scope="session")
def load_fresh(zoo: dict[str, Path]) -> LoadFresh:
    """A backbone of a family that no other test has touched."""

    def fresh(family: str) -> Backbone:
        load.cache_clear()
        return load(FolderBackbone(kind="folder", folder=zoo[family], name=family))

    return fresh


@pytest.fixture(params=list(MODELS))
def backbone(request: pytest.FixtureRequest, load_fresh: LoadFresh) -> Backbone:
    """Each family in turn."""
    return load_fresh(request.param)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server with a database of its own, once per session."""
    with prefect_test_harness(server_startup_timeout=120), temporary_settings(SILENT):
        yield


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
