import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from storage.files import videos
from storage.files.videos import middle_frame
from tests.makers.zeroshot_layouts import video
from uwm.errors import SourceError


@pytest.mark.parametrize("frames", [1, 2, 5, 20])
def test_frame_half_of_all_is_the_middle_one(tmp_path: Path, frames: int) -> None:
    data = video(tmp_path / "a.avi", frames).read_bytes()
    pixels = np.asarray(Image.open(io.BytesIO(middle_frame(data, "a.avi"))))
    assert pixels.shape == (32, 32, 3)
    assert abs(pixels.mean() - 10 * (frames // 2)) < 4


def test_a_frame_is_the_same_every_time(tmp_path: Path) -> None:
    data = video(tmp_path / "a.avi", 30).read_bytes()
    assert middle_frame(data, "a.avi") == middle_frame(data, "a.avi")


@pytest.mark.parametrize("cut", [0, 20, 200, 3000])
def test_a_damaged_video_is_named(tmp_path: Path, cut: int) -> None:
    data = video(tmp_path / "a.avi", 30).read_bytes()
    with pytest.raises(SourceError, match=r"a\.avi"):
        middle_frame(data[:cut], "a.avi")


def test_another_format_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "GIF")
    with pytest.raises(SourceError, match="not a readable video"):
        middle_frame(buffer.getvalue(), "a.gif")


@pytest.mark.parametrize(
    ("limit", "said"), [("MAX_PIXELS", "32x32 pixels"), ("MAX_FRAMES", "30 frames")]
)
def test_limits_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, said: str
) -> None:
    monkeypatch.setattr(videos, limit, 10)
    with pytest.raises(SourceError, match=said):
        middle_frame(video(tmp_path / "a.avi", 30).read_bytes(), "a.avi")


def test_without_pyav_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install -e '.\[zeroshot\]'"):
        videos.require_decoder()
