from pathlib import Path

import pytest
import torch

import tasks.capture
from storage.formats.samples import SampleArrays
from storage.formats.statistics import StatisticsArrays
from storage.store.marker import COMPLETE
from storage.store.store import Store
from tasks.capture import StatisticsSpec, capture_statistics
from tasks.inputs import INPUTS
from tests.bench import Bench
from uwm.families import ROLES, TOWERS, Tower
from uwm.layers import find_layers
from uwm.method.capture import capture


def spec(bench: Bench, tower: Tower) -> StatisticsSpec:
    return StatisticsSpec.of(
        bench.backbone, tower, ROLES, bench.pixels if tower == "image" else bench.tokens
    )


def captured(bench: Bench, wanted: StatisticsSpec, batch_size: int = 64) -> StatisticsArrays:
    capture_statistics.fn([wanted], bench.store, bench.backbone, batch_size)
    return StatisticsArrays(bench.store.path("statistics", wanted.digest))


@pytest.mark.parametrize("tower", TOWERS)
def test_what_is_stored_is_what_one_pass_over_everything_gives(bench: Bench, tower: Tower) -> None:
    wanted = spec(bench, tower)
    stored = captured(bench, wanted, batch_size=7)
    layers = find_layers(bench.backbone.model, tower, ROLES)
    inputs = SampleArrays(bench.store.path(INPUTS[tower], wanted.inputs))
    for index, part in enumerate(("safe", "unsafe")):
        expected = capture(bench.backbone, tower, layers, torch.from_numpy(inputs.read(part)))
        for name, values in expected.items():
            found = stored.read(name)[index]
            torch.testing.assert_close(found.norm, values.norm, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found.std, values.std, rtol=1e-4, atol=1e-5)


def test_a_capture_that_was_cut_off_goes_on_and_ends_with_the_same_bytes(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.capture, "CHUNK", 6)
    wanted = spec(bench, "text")
    captured(bench, wanted, batch_size=4)
    whole = bench.store.path("statistics", wanted.digest)
    expected = {
        path.relative_to(whole): path.read_bytes() for path in whole.rglob("*") if path.is_file()
    }
    cut = Store(tmp_path / "cut")
    for kind in ("datasets", "tokens"):
        (bench.store.root / kind).rename(cut.root / kind)
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
    assert len(list(cut.drafts())) == 1
    captured(bench, wanted, batch_size=4)
    # 20 pairs in chunks of 6 and batches of 4: 4 passes per whole chunk, 2 for the last one. The
    # first chunk was complete and is not run again.
    assert sum(passes[7:]) == 2 * (20 - 6)
    found = cut.path("statistics", wanted.digest)
    assert {
        path.relative_to(found): path.read_bytes() for path in found.rglob("*") if path.is_file()
    }.items() >= {k: v for k, v in expected.items() if k.name != "COMPLETE.json"}.items()


def test_batch_size_is_not_part_of_the_address(bench: Bench) -> None:
    wanted = spec(bench, "image")
    captured(bench, wanted, batch_size=3)
    marker = bench.store.path("statistics", wanted.digest) / COMPLETE
    before = marker.stat().st_mtime_ns
    captured(bench, wanted, batch_size=5)
    assert marker.stat().st_mtime_ns == before


def test_roles_that_share_an_input_are_stored_once(bench: Bench) -> None:
    arrays = captured(bench, spec(bench, "image"))
    assert arrays.read("qkv/00")[0].norm.isfinite().all()
    with pytest.raises(KeyError):
        arrays.read("query/00")
