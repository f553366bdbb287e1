import shutil
from pathlib import Path

import pytest
import torch

from storage.formats.scores import read_scores, write_scores
from uwm.errors import DamagedArtifactError
from uwm.layers import LayerId


def test_scores_read_back(tmp_path: Path) -> None:
    scores = {
        LayerId("image", 11, "fc2"): torch.rand(3, 4),
        LayerId("image", 2, "fc2"): torch.rand(5),
    }
    write_scores(tmp_path, scores, {"samples": 10, "excluded": 1})
    found, attributes = read_scores(tmp_path)
    assert attributes == {"samples": 10, "excluded": 1}
    assert list(found) == sorted(scores)
    assert all(torch.equal(found[layer], score) for layer, score in scores.items())


def test_an_array_that_was_not_written_is_not_read(tmp_path: Path) -> None:
    """What another put into the folder; one that is gone is not left out in silence."""
    scores = {LayerId("image", block, "fc2"): torch.rand(5) for block in range(2)}
    write_scores(tmp_path, scores, {})
    folder = tmp_path / "scores.zarr"
    shutil.copytree(folder / "image.00.fc2", folder / "image.07.fc2")
    assert list(read_scores(tmp_path)[0]) == list(scores)
    shutil.rmtree(folder / "image.01.fc2")
    with pytest.raises(DamagedArtifactError):
        read_scores(tmp_path)


@pytest.mark.parametrize("harm", ["delete", "zeros", "flip", "no metadata"])
def test_a_damaged_score_is_never_read_and_its_artifact_counts_as_missing(
    tmp_path: Path, harm: str
) -> None:
    layer = LayerId("image", 2, "fc2")
    write_scores(tmp_path, {layer: torch.zeros(5)}, {})
    (tmp_path / "COMPLETE.json").touch()
    folder = tmp_path / "scores.zarr" / str(layer)
    path = folder / "zarr.json" if harm == "no metadata" else folder / "c" / "0"
    content = path.read_bytes()
    path.write_bytes(b"{}" if harm == "no metadata" else content[:-1] + b"#")
    if harm == "zeros":
        path.write_bytes(bytes(len(content)))
    if harm == "delete":
        path.unlink()
    with pytest.raises(DamagedArtifactError, match="run the audit again"):
        read_scores(tmp_path)
    assert not (tmp_path / "COMPLETE.json").exists()
