from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from storage.sources.zeroshot import mat
from storage.sources.zeroshot.mat import read_mat
from tests.makers.zeroshot_layouts import flowers102, stanford_cars
from uwm.errors import SourceError


def test_a_single_value_is_an_array_too(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"one": np.array([[7]]), "row": np.array([[1, 2]])})
    found = read_mat(tmp_path / "a.mat")
    assert {name: values.tolist() for name, values in found.items()} == {"one": [7], "row": [1, 2]}


def test_a_file_that_is_too_large_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    savemat(tmp_path / "a.mat", {"one": np.zeros(100)})
    monkeypatch.setattr(mat, "MAX_FILE", 500)
    with pytest.raises(SourceError, match="larger than 500 bytes"):
        read_mat(tmp_path / "a.mat")


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", bytes(130), b"x" * 400])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.mat is not a readable MATLAB file"):
        read_mat(tmp_path / "a.mat")


def test_without_scipy_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mat, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install -e '.\[zeroshot\]'"):
        read_mat(tmp_path / "a.mat")


def test_flowers_that_lack_a_variable_or_number_badly_are_told(tmp_path: Path) -> None:
    flowers102(tmp_path)
    folder = tmp_path / "flowers-102"
    for bad in ({"trnid": [[1]]}, {"tstid": [[5]]}, {"tstid": [[0]]}, {"tstid": [["x"]]}):
        savemat(folder / "setid.mat", bad)
        with pytest.raises(SourceError, match="`tstid` in setid"):
            mat.flowers102(folder, "paper")


def test_cars_without_their_labels_are_told(tmp_path: Path) -> None:
    stanford_cars(tmp_path)
    folder = tmp_path / "stanford_cars"
    fields = [("class", object), ("fname", object)]
    for rows in ([(0, "00001.jpg")], [(3, "00001.jpg")]):
        annotations = np.array(rows, dtype=fields)
        savemat(folder / "cars_test_annos_withlabels.mat", {"annotations": annotations})
        with pytest.raises(SourceError, match="`fname` and `class`"):
            mat.stanford_cars(folder, "paper")
