"""Preprocessing geometry: how a picture becomes the pixels that a backbone sees.

open_clip resizes, crops, converts to RGB, scales to [0, 1] and normalises. Stopping before the
scaling leaves uint8 pixels which many backbones share (mean and std differ between them, the
geometry rarely does), and nothing is lost: the rest of the road is bit-exact (`Normalization`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor


class Geometry(BaseModel, frozen=True):
    """The geometric steps of an open_clip preprocessing configuration (`preprocess_cfg`)."""

    height: int
    width: int
    interpolation: Literal["bicubic", "bilinear"]
    resize_mode: Literal["shortest", "longest", "squash"]
    fill_color: int = 0

    def __str__(self) -> str:
        return f"{self.height}x{self.width} {self.interpolation} {self.resize_mode}"


class Normalization(BaseModel, frozen=True):
    """Per-channel mean and standard deviation, in units of [0, 1] pixels."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, H, W) -> float32 (B, 3, H, W), as torchvision's ToTensor and Normalize."""
        shape = (1, 3, 1, 1)
        x = pixels.float().div_(255)
        return x.sub_(x.new_tensor(self.mean).view(shape)).div_(x.new_tensor(self.std).view(shape))


class PixelTransform:
    """A picture to uint8 pixels (3, height, width) by the steps of open_clip's own transform."""

    def __init__(self, geometry: Geometry) -> None:
        from open_clip.transform import PreprocessCfg, image_transform_v2
        from torchvision.transforms import Compose

        config = PreprocessCfg(
            size=(geometry.height, geometry.width),
            interpolation=geometry.interpolation,
            resize_mode=geometry.resize_mode,
            fill_color=geometry.fill_color,
        )
        # The last two steps are ToTensor and Normalize; what is before them is the geometry.
        self._steps = Compose(image_transform_v2(config, is_train=False).transforms[:-2])

    def __call__(self, image: Image) -> np.ndarray:
        import numpy as np

        return np.asarray(self._steps(image)).transpose(2, 0, 1)
