import hashlib
from pathlib import Path

from storage.formats.datasets import read_dataset, write_dataset
from storage.sources import read_source
from tasks.datasets import dataset_of
from tests.makers.pair_layouts import LAYOUTS, change, quadruples, tables


def test_a_data_set_reads_back_with_what_was_left_out(tmp_path: Path) -> None:
    config = tables(tmp_path / "source", max_quarantined=0.5)
    change(config.unsafe, 2, text="")
    (tmp_path / "artifact").mkdir()
    write_dataset(tmp_path / "artifact", dataset_of(read_source(config)))
    found = read_dataset(tmp_path / "artifact")
    picture = (config.images / "unsafe3.png").read_bytes()
    assert found.digests["unsafe"][2] == hashlib.sha256(picture).hexdigest()
    assert found.texts["safe"] == ["safe text 0", "safe text 1", "safe text 3"]
    assert found.rows["id"].tolist() == ["0", "1", "3"]
    assert found.quarantined.to_numpy().tolist() == [["2", "empty text"]]
    assert found.excluded == {"empty text": 1}


def test_the_artifact_does_not_tell_where_the_data_came_from(tmp_path: Path) -> None:
    written = []
    for layout in ("visu", "webdataset"):
        folder = tmp_path / "artifacts" / layout
        folder.mkdir(parents=True)
        write_dataset(
            folder, dataset_of(read_source(LAYOUTS[layout](tmp_path / layout, quadruples())))
        )
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
