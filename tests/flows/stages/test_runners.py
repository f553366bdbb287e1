"""Whatever runs the stages, and in however many pieces: the same artifacts, the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import dask
import pytest
import torch

import storage.store.shards
from flows.audit.flow import audit
from flows.cli.app import run
from flows.cli.options import BAD_INPUT
from flows.stages.runners import check_runner, task_runner
from storage.store.store import Store
from tests.makers.audit_files import GOOD
from tests.makers.backbones import write_backbone
from tests.makers.commands import preload
from tests.makers.runs import audited
from tests.makers.small_audits import PLAIN
from uwm.config import AuditConfig, Runner
from uwm.errors import InputError

pytestmark = pytest.mark.usefixtures("prefect_server")
RUNNERS = {
    "threads": Runner(),
    "processes": Runner(kind="processes", workers=2),
    "dask": Runner(kind="dask", workers=2),
}


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calibration pairs of the small audit make two shards."""
    monkeypatch.setattr(storage.store.shards, "SHARD", 16)


def artifacts(folder: Path) -> dict[Path, bytes]:
    """Every file of every artifact; the list of their checksums is as new as the files."""
    store = Store(folder / "store")
    return {
        path.relative_to(store.root): path.read_bytes()
        for kind, digest, _ in store.artifacts()
        for path in store.folder(kind, digest).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def forked() -> Iterator[None]:
    """Dask's workers fork from a process that has done the imports, most of what they take."""
    import distributed  # noqa: F401 - its defaults first, or the end of `set` takes them away

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        preload()
        yield


def with_other_weights(published: Path) -> list[dict[str, Any]]:
    """Methods that train and that bring weights, which other processes have to come by."""
    weights = {"clip": {"kind": "folder", "folder": str(published)}}
    text = {"image": [], "text": ["fc1"]}
    trained = {"epochs": 1, "rank": 2, "batch_size": 10, "roles": text}
    return [
        {"kind": "original"},
        {"kind": "safe_clip", "name": "trained", **trained},
        {"kind": "uwm", "base": "trained", "roles": {"image": ["fc1"], "text": []}},
        {"kind": "checkpoint", "name": "published", "weights": weights},
    ]


@pytest.mark.usefixtures("shards", "forked")
def test_every_runner_makes_the_same_bytes_and_finds_the_others(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    published = write_backbone(tmp_path / "published", "clip", seed=5)
    config = small("clip", **PLAIN | {"methods": with_other_weights(published)})
    named = {name: audited(config, tmp_path / name, runner)[1] for name, runner in RUNNERS.items()}
    expected = artifacts(tmp_path / "threads")
    assert any("shards.json" in path.parts for path in expected)
    for name in ("processes", "dask"):
        assert artifacts(tmp_path / name) == expected
        results = (tmp_path / name / "out" / "results.parquet").read_bytes()
        assert results == (tmp_path / "threads" / "out" / "results.parquet").read_bytes()
        shards = {run.split(" · ")[0] for run in named[name] if run.endswith(" · shard 2/2")}
        assert shards >= {"capture statistics", "embed"}
    _, again = audited(config, tmp_path / "dask", RUNNERS["threads"])
    assert set(again.values()) == {"Cached"}


@pytest.mark.usefixtures("shards")
def test_a_lost_shard_is_made_again_and_no_other(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    config = small("clip", **PLAIN)
    audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    store = Store(tmp_path / "store")
    before = artifacts(tmp_path)
    listings = [path for path in before if path.name == "shards.json"]
    assert listings
    shard = next(path for path in store.root.glob("embeddings/*") if (path / "data.zarr").is_dir())
    times = {path: path.stat().st_mtime_ns for path in store.root.glob("embeddings/*/spec.json")}
    store.remove(str(shard.relative_to(store.root)))
    audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert artifacts(tmp_path) == before
    assert [path for path, time in times.items() if path.stat().st_mtime_ns != time] == [
        shard / "spec.json"
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dask-address", "tcp://127.0.0.1:1"], "needs the runner dask"),
        (["--runner", "dask", "--dask-address", "127.0.0.1:1"], "dask address"),
        (
            ["--runner", "dask", "--dask-address", "tcp://127.0.0.1:1", "--workers", "2"],
            "the running cluster decides",
        ),
        (["--runner", "processes", "--workers", "0"], "workers"),
        (["--runner", "slurm"], "slurm"),
    ],
)
def test_a_runner_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(GOOD)
    assert run(["audit", str(path), "--store", str(tmp_path / "store"), *options]) == BAD_INPUT
    assert said in "".join(capsys.readouterr())
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_torch_has_its_threads_back_afterwards(
    small: Callable[..., AuditConfig], kind: Literal["threads", "processes"]
) -> None:
    before = torch.get_num_threads()
    with task_runner(Runner(kind=kind), small(threads=before + 1)):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with pytest.raises(InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        check_runner(Runner(kind="dask", dask_address="tcp://127.0.0.1:1"))
