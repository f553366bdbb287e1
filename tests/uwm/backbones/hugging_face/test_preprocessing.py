import json
from pathlib import Path

import pytest

from uwm.backbones.hugging_face.preprocessing import PREPROCESSOR, read_preprocess
from uwm.errors import UnknownBackboneError

MEAN = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.6, 0.7]}


@pytest.mark.parametrize(
    ("content", "interpolation", "mode"),
    [
        ({"size": 224, "crop_size": 224, "do_center_crop": True}, "bicubic", "shortest"),
        ({"size": {"shortest_edge": 224}, "resample": 2}, "bilinear", "shortest"),
        ({"size": {"height": 384, "width": 384}, "resample": 3}, "bicubic", "squash"),
    ],
)
def test_the_old_and_the_new_form_are_read(
    tmp_path: Path, content: dict[str, object], interpolation: str, mode: str
) -> None:
    (tmp_path / PREPROCESSOR).write_text(json.dumps({**MEAN, **content}))
    assert read_preprocess(tmp_path, "clip") == {
        "mean": (0.1, 0.2, 0.3),
        "std": (0.5, 0.6, 0.7),
        "interpolation": interpolation,
        "resize_mode": mode,
    }


def test_a_folder_may_say_nothing(tmp_path: Path) -> None:
    assert read_preprocess(tmp_path, "clip") is None


@pytest.mark.parametrize(
    "content",
    ["[]", "{", json.dumps({**MEAN, "resample": 0}), json.dumps({**MEAN, "image_std": [1]})],
)
def test_what_cannot_be_followed_is_told_with_the_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / PREPROCESSOR).write_text(content)
    with pytest.raises(UnknownBackboneError, match="preprocess:"):
        read_preprocess(tmp_path, "clip")
