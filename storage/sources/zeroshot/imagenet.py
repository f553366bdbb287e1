"""ImageNet's 1,000 classes, from the libraries that keep them."""

from __future__ import annotations

from functools import cache

import open_clip
from timm.data.imagenet_info import ImageNetInfo

TEMPLATES: tuple[str, ...] = tuple(fill("{}") for fill in open_clip.OPENAI_IMAGENET_TEMPLATES)
"""The 80 templates of CLIP's ensemble (Radford et al. 2021, section 3.1.4)."""


@cache
def class_names() -> dict[str, str]:
    """The readable name of every class by WordNet id, in label order: sorted ids."""
    ids: list[str] = ImageNetInfo("imagenet-1k").label_names()
    return dict(zip(ids, open_clip.IMAGENET_CLASSNAMES, strict=True))
