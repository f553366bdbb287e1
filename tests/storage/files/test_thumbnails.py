import base64
import io

import numpy as np
import pytest
from PIL import Image

from storage.files.thumbnails import SIDE, thumbnail
from tests.makers.pictures import encoded, noise
from uwm.errors import SourceError


def shown(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("size", [(300, 200), (40, 90)])
def test_a_clear_thumbnail_is_a_square_of_the_middle(mode: str, size: tuple[int, int]) -> None:
    url = thumbnail(encoded("PNG", noise(size).convert(mode)), "one", clear=True)
    assert url.startswith("data:image/jpeg;base64,")
    assert shown(url).size == (SIDE, SIDE)


def test_a_thumbnail_that_is_not_clear_holds_36_pixels_and_no_more() -> None:
    picture = noise((300, 200))
    url = thumbnail(encoded("PNG", picture), "one", clear=False)
    assert shown(url).size == (6, 6)
    assert len(url) < 400
    middle = np.asarray(picture.crop((50, 0, 250, 200))).mean((0, 1))
    assert np.allclose(np.asarray(shown(url)).mean((0, 1)), middle, atol=2)


def test_what_is_no_picture_is_named() -> None:
    with pytest.raises(SourceError, match="one is not a readable picture"):
        thumbnail(b"", "one", clear=True)
