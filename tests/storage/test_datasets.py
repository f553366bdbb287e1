from pathlib import Path

from storage.datasets import read_dataset, write_dataset
from storage.sources import read_source
from tests.storage.sources.test_sources import change, tables


def test_a_data_set_reads_back_with_what_was_left_out(tmp_path: Path) -> None:
    config = tables(tmp_path / "source")
    change(config.unsafe, 2, text="")
    (tmp_path / "artifact").mkdir()
    write_dataset(tmp_path / "artifact", read_source(config))
    found = read_dataset(tmp_path / "artifact")
    assert found.images["unsafe"] == ["unsafe0.png", "unsafe1.png", "unsafe3.png"]
    assert found.texts["safe"] == ["safe text 0", "safe text 1", "safe text 3"]
    assert found.rows["id"].tolist() == ["0", "1", "3"]
    assert found.excluded == {"empty text": 1}
