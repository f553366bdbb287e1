"""ImageNet's 1,000 classes, from the libraries that keep them.

Those import torch, so they are imported where ImageNet is asked for.
"""

from __future__ import annotations

from functools import cache


@cache
def ensemble() -> tuple[str, ...]:
    """The 80 templates of CLIP's ensemble (Radford et al. 2021, section 3.1.4)."""
    import open_clip

    return tuple(fill("{}") for fill in open_clip.OPENAI_IMAGENET_TEMPLATES)


@cache
def class_names() -> dict[str, str]:
    """The readable name of every class by WordNet id, in label order: sorted ids."""
    import open_clip
    from timm.data.imagenet_info import ImageNetInfo

    ids: list[str] = ImageNetInfo("imagenet-1k").label_names()
    return dict(zip(ids, open_clip.IMAGENET_CLASSNAMES, strict=True))
