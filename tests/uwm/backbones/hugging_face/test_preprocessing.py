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
        (
            {"size": {"height": 32, "width": 32}, "crop_size": 32, "do_center_crop": True},
            "bicubic",
            "squash",
        ),
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


@pytest.mark.parametrize(
    ("content", "step"),
    [
        ({"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}, "crops"),
        ({"size": 40, "crop_size": 32}, "crops"),
        ({"do_normalize": False}, "do_normalize"),
        ({"do_rescale": False}, "do_rescale"),
        ({"do_resize": False}, "do_resize"),
        ({"rescale_factor": 1 / 127.5}, "rescale_factor"),
        ({"do_pad": True}, "do_pad"),
        ({"do_flip_channel_order": True}, "do_flip_channel_order"),
    ],
)
def test_a_step_that_open_clip_lacks_is_refused_never_left_out(
    tmp_path: Path, content: dict[str, object], step: str
) -> None:
    (tmp_path / PREPROCESSOR).write_text(json.dumps({**MEAN, **content}))
    with pytest.raises(UnknownBackboneError, match=step):
        read_preprocess(tmp_path, "clip")
