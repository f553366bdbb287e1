from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import tasks.capture
from storage.formats.samples import SampleArrays
from storage.formats.statistics import StatisticsArrays
from storage.store.marker import COMPLETE
from storage.store.store import Store
from tasks.capture import StatisticsSpec, capture_statistics, read_statistics
from tests.makers.bench import Bench
from uwm.families import ROLES, TOWERS, Role, Tower
from uwm.layers import find_layers
from uwm.method.capture import capture


def specs(bench: Bench, tower: Tower, roles: Sequence[Role] = ROLES) -> list[StatisticsSpec]:
    inputs = bench.pixels if tower == "image" else bench.tokens
    return StatisticsSpec.of(bench.backbone, tower, roles, inputs)


def captured(
    bench: Bench, wanted: Sequence[StatisticsSpec], batch_size: int = 64
) -> dict[str, list[StatisticsArrays]]:
    capture_statistics.fn(wanted, bench.store, bench.backbone, batch_size)
    return read_statistics(bench.store, wanted)


def data(store: Store, spec: StatisticsSpec) -> dict[Path, bytes]:
    """Every file of an artifact but its marker, which says when it was made."""
    folder = store.path(spec)
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != COMPLETE]
    return {path.relative_to(folder): path.read_bytes() for path in files}


@pytest.fixture
def passed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of samples of each pass through a tower."""
    passes: list[int] = []
    forward = bench.backbone.forward

    def counted(tower: Tower, inputs: torch.Tensor) -> torch.Tensor:
        passes.append(len(inputs))
        return forward(tower, inputs)

    monkeypatch.setattr(bench.backbone, "forward", counted)
    return passes


@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_stored_is_what_one_pass_over_everything_gives(bench: Bench, tower: Tower) -> None:
    wanted = specs(bench, tower)
    stored = captured(bench, wanted, batch_size=7)
    layers = find_layers(bench.backbone.model, tower, ROLES)
    inputs = SampleArrays(bench.store.path(wanted[0].data))
    for index, part in enumerate(("safe", "unsafe")):
        expected = capture(bench.backbone, tower, layers, torch.from_numpy(inputs.read(part)))
        for name, values in expected.items():
            found = stored[name][0].read(name)[index]
            torch.testing.assert_close(found.norm, values.norm, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found.std, values.std, rtol=1e-4, atol=1e-5)


def test_an_input_that_is_there_is_not_captured_again_and_all_others_are_in_one_pass(
    bench: Bench, passed: list[int]
) -> None:
    both = 2 * len(bench.source.texts)
    captured(bench, specs(bench, "text", ("out",)))
    marker = bench.store.path(specs(bench, "text", ("out",))[0]) / COMPLETE
    before = marker.stat().st_mtime_ns
    assert sum(passed) == both
    captured(bench, specs(bench, "text"))
    assert sum(passed) == 2 * both
    assert marker.stat().st_mtime_ns == before
    captured(bench, specs(bench, "text", ("query", "fc1")))
    captured(bench, specs(bench, "text"))
    assert sum(passed) == 2 * both


@pytest.mark.parametrize("tower", TOWERS)
def test_an_input_has_the_same_bytes_captured_alone_and_with_others(
    bench: Bench, tower: Tower, tmp_path: Path
) -> None:
    wanted = specs(bench, tower)
    captured(bench, wanted)
    together = bench.store
    bench.store = Store(tmp_path / "alone")
    for kind in ("datasets", "tokens", "pixels"):
        (bench.store.root / kind).symlink_to(together.root / kind)
    for spec in wanted:
        captured(bench, [spec])
        assert data(bench.store, spec) == data(together, spec)


def test_a_capture_that_was_cut_off_goes_on_and_ends_with_the_same_bytes(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.capture, "CHUNK", 6)
    wanted = specs(bench, "text", ("fc1", "fc2", "out"))
    captured(bench, wanted, batch_size=4)
    whole, cut = bench.store, Store(tmp_path / "cut")
    for kind in ("datasets", "tokens"):
        (cut.root / kind).symlink_to(whole.root / kind)
    passes: list[int] = []
    forward = bench.backbone.forward

    def counted(tower: Tower, inputs: torch.Tensor) -> torch.Tensor:
        passes.append(len(inputs))
        if len(passes) == 7:
            raise KeyboardInterrupt
        return forward(tower, inputs)

    monkeypatch.setattr(bench.backbone, "forward", counted)
    bench.store = cut
    with pytest.raises(KeyboardInterrupt):
        captured(bench, wanted, batch_size=4)
    assert len(list(cut.drafts())) == len(wanted)
    # 20 pairs in chunks of 6 and batches of 4: 4 passes per whole chunk, 2 for the last one. The
    # first chunk was complete and is not run again, whichever of the drafts goes on.
    captured(bench, wanted[:1], batch_size=4)
    assert sum(passes[7:]) == 2 * (20 - 6)
    begun = len(passes)
    captured(bench, wanted, batch_size=4)
    assert sum(passes[begun:]) == 2 * (20 - 6)
    for spec in wanted:
        assert data(cut, spec) == data(whole, spec)


def test_batch_size_is_not_part_of_the_address(bench: Bench, passed: list[int]) -> None:
    captured(bench, specs(bench, "image"), batch_size=3)
    before = len(passed)
    captured(bench, specs(bench, "image"), batch_size=5)
    assert len(passed) == before


def test_roles_that_share_an_input_are_one_artifact(bench: Bench) -> None:
    assert specs(bench, "image", ("query", "key")) == specs(bench, "image", ("value",))
    stored = captured(bench, specs(bench, "image", ("value",)))
    assert stored["qkv/00"][0].read("qkv/00")[0].norm.isfinite().all()


def test_shards_of_several_inputs_share_their_passes(bench: Bench, passed: list[int]) -> None:
    shards = [
        StatisticsSpec(**{**spec.model_dump(), "data": spec.data, "rows": rows})
        for spec in specs(bench, "text", ("fc1", "fc2"))
        for rows in ((0, 8), (8, 20))
    ]
    captured(bench, shards)
    assert sorted(passed) == [8, 8, 12, 12]
