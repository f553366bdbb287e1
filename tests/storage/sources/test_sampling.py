from pathlib import Path
from typing import Any

import pytest

from storage.sources import read_source
from tests.makers.pair_layouts import manifest, quadruples, tables
from uwm.errors import SourceError


def test_sampling_is_balanced_and_repeats(tmp_path: Path) -> None:
    config = tables(tmp_path, rows=20, per_concept=3)
    first, second, other = (read_source(config, seed) for seed in (0, 0, 1))
    assert first.rows["concept"].value_counts().tolist() == [3, 3]
    assert first.rows["id"].tolist() == second.rows["id"].tolist()
    assert first.rows["id"].tolist() != other.rows["id"].tolist()
    assert first.texts["safe"].tolist() == [f"safe text {id}" for id in first.rows["id"]]
    assert first.rows["id"].astype(int).is_monotonic_increasing


def test_the_sample_is_the_same_on_every_machine(tmp_path: Path) -> None:
    found = read_source(tables(tmp_path, rows=20, per_concept=3))
    assert found.rows["id"].tolist() == ["4", "7", "9", "10", "15", "18"]


def test_a_sets_own_seed_wins_over_the_audits(tmp_path: Path) -> None:
    own = tables(tmp_path, rows=20, per_concept=3, seed=5)
    plain = tables(tmp_path, rows=20, per_concept=3)
    assert read_source(own, 0).rows.equals(read_source(own, 1).rows)
    assert read_source(own, 0).rows.equals(read_source(plain, 5).rows)


def test_the_sample_is_drawn_from_usable_rows(tmp_path: Path) -> None:
    whole = read_source(tables(tmp_path, rows=20, per_concept=3))
    broken = whole.rows["id"][0]
    (tmp_path / "images" / f"safe{broken}.png").write_bytes(b"no picture")
    config: Any = tables(tmp_path / "other", rows=20, per_concept=3, max_quarantined=0.5)
    (config.images / f"safe{broken}.png").write_bytes(b"no picture")
    found = read_source(config)
    assert found.rows["concept"].value_counts().tolist() == [3, 3]
    assert set(whole.rows["id"]) - set(found.rows["id"]) == {broken}
    assert found.quarantined["id"].tolist() == [broken]


def test_only_the_rows_that_the_sample_needs_are_looked_at(tmp_path: Path) -> None:
    config: Any = tables(tmp_path, rows=20, per_concept=3)
    needed = set(read_source(config).rows["id"])
    for row in range(20):
        if str(row) not in needed:
            (config.images / f"safe{row}.png").unlink()
    assert read_source(config).quarantined.empty


def test_a_concept_with_too_few_pairs_is_named(tmp_path: Path) -> None:
    config = manifest(tmp_path, quadruples(7), min_per_concept=3)
    with pytest.raises(SourceError, match=r"bodily fluids \(2\), hate \(2\)\. Add pairs"):
        read_source(config)


def test_a_concept_that_lost_all_its_pairs_is_named(tmp_path: Path) -> None:
    rows = quadruples(3)
    rows[2].texts["safe"] = ""
    config = manifest(tmp_path, rows, max_quarantined=0.5)
    with pytest.raises(SourceError, match=r"needs 1 usable pairs .*hate \(0\)"):
        read_source(config)


def test_a_minimum_beyond_the_sample_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"min_per_concept \(5\) must not exceed per_concept \(3\)"
    ):
        tables(tmp_path, per_concept=3, min_per_concept=5)
