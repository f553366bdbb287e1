import numpy as np
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from uwm.backbones.geometry import Geometry, Normalization, PixelTransform

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


def picture(mode: str, size: tuple[int, int]) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    rgba = Image.fromarray(pixels, "RGBA")
    return rgba if mode == "RGBA" else rgba.convert("RGB").convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(50, 80), (20, 12)])
def test_cached_pixels_then_normalised_are_open_clips_own_to_the_bit(
    mode: str, resize_mode: str, interpolation: str, size: tuple[int, int]
) -> None:
    image = picture(mode, size)
    config = PreprocessCfg(
        size=(32, 32), mean=MEAN, std=STD, interpolation=interpolation, resize_mode=resize_mode
    )
    expected = image_transform_v2(config, is_train=False)(image)
    geometry = Geometry(height=32, width=32, interpolation=interpolation, resize_mode=resize_mode)
    pixels = PixelTransform(geometry)(image)
    assert pixels.dtype == np.uint8
    found = Normalization(mean=MEAN, std=STD)(torch.from_numpy(pixels.copy()).unsqueeze(0))[0]
    assert torch.equal(found, expected)
