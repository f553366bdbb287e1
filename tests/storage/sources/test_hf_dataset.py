import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from storage.sources import read_source
from tests.makers.pair_layouts import config, hf_dataset, manifest_rows, quadruples, write
from uwm.errors import SourceError


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    return hf_dataset(tmp_path / "saved", quadruples(6))


def edited(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))


def test_a_saved_data_set_is_read_as_it_was(saved: Any) -> None:
    source, rows = read_source(saved), quadruples(6)
    assert source.rows["id"].tolist() == [str(row.id) for row in rows]
    assert source.rows["concept"].unique().tolist() == ["violence", "bodily bluids", "hate"]
    assert source.read(source.images["safe"][4]) == rows[4].pictures["safe"]


def test_of_several_splits_one_is_named(saved: Any, tmp_path: Path) -> None:
    made = datasets.load_from_disk(str(saved.data))
    both = datasets.DatasetDict({"train": made, "test": made.select(range(3))})
    both.save_to_disk(tmp_path / "both")
    found = read_source(config(kind="hf-dataset", data=tmp_path / "both", split="test"))
    assert len(found.rows) == 3
    with pytest.raises(SourceError, match="train, test; got None"):
        read_source(config(kind="hf-dataset", data=tmp_path / "both"))
    with pytest.raises(SourceError, match="holds no splits"):
        read_source(config(kind="hf-dataset", data=saved.data, split="test"))


def test_a_shuffled_selection_is_read_in_its_own_order(saved: Any, tmp_path: Path) -> None:
    made = datasets.load_from_disk(str(saved.data)).select([4, 1, 3])
    made.save_to_disk(tmp_path / "selected")
    source = read_source(config(kind="hf-dataset", data=tmp_path / "selected"))
    assert source.rows["id"].tolist() == ["1004", "1001", "1003"]
    assert source.read(source.images["unsafe"][0]) == quadruples(6)[4].pictures["unsafe"]


def test_a_picture_known_by_its_path_alone_is_never_opened(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.jpg", quadruples(1)[0].pictures["safe"])
    rows = manifest_rows(quadruples(6))
    for index, row in enumerate(rows):
        picture = quadruples(6)[index].pictures
        row["safe_image"] = {"bytes": picture["safe"], "path": None}
        row["unsafe_image"] = {"bytes": picture["unsafe"], "path": None}
    rows[2]["unsafe_image"] = {"bytes": None, "path": str(secret)}
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    found = config(kind="hf-dataset", data=tmp_path / "saved", max_quarantined=0.5)
    source = read_source(found)
    assert source.quarantined["id"].tolist() == ["1002"]
    assert source.quarantined["detail"].tolist() == ["unsafe: none given"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("state.json", lambda c: c["_data_files"][0].update(filename="../x.arrow"), "filename"),
        ("state.json", lambda c: c["_data_files"][0].update(filename="none.arrow"), "none.arrow"),
        ("state.json", lambda c: c.update(_data_files=[]), "at least 1 item"),
        ("dataset_info.json", lambda c: c.pop("features"), "features"),
        (
            "dataset_info.json",
            lambda c: c["features"]["concept"].update(names=["one"]),
            "class label is below 1",
        ),
        ("dataset_info.json", lambda c: c["features"]["concept"].pop("names"), "names"),
    ],
)
def test_a_damaged_or_hostile_folder_is_refused(
    saved: Any, name: str, change: Callable[[Any], None], said: str
) -> None:
    edited(saved.data, name, change)
    with pytest.raises(SourceError, match=said):
        read_source(saved)


def test_a_link_out_of_the_folder_is_not_followed(saved: Any, tmp_path: Path) -> None:
    part = saved.data / "data-00000-of-00002.arrow"
    part.rename(tmp_path / "outside.arrow")
    part.symlink_to(tmp_path / "outside.arrow")
    with pytest.raises(SourceError, match="leads out of it"):
        read_source(saved)


@pytest.mark.parametrize("cut", [0, 100, 900])
def test_a_damaged_arrow_file_is_refused(saved: Any, cut: int) -> None:
    part = saved.data / "data-00000-of-00002.arrow"
    part.write_bytes(part.read_bytes()[:cut])
    with pytest.raises(SourceError, match="damaged"):
        read_source(saved)


def test_a_missing_column_is_named(saved: Any, tmp_path: Path) -> None:
    made = datasets.load_from_disk(str(saved.data)).remove_columns("unsafe_text")
    made.save_to_disk(tmp_path / "less")
    with pytest.raises(SourceError, match="lacks unsafe_text"):
        read_source(config(kind="hf-dataset", data=tmp_path / "less"))


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a folder that `save_to_disk` made"):
        read_source(config(kind="hf-dataset", data=tmp_path))
