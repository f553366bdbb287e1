"""The three tiny backbones, as open_clip configurations and the way each is trained."""

from dataclasses import dataclass

MERGES = "merges.txt.gz"
"""The tokenizer's file, beside the configuration."""

_TEXT_LENGTH = 24


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a backbone is trained."""

    steps: int
    rounds: int = 1
    """How often the schedule runs, each time from a high rate again (warm restarts)."""
    start: str | None = None
    """Trained backbone that lends its image tower's weights."""
    seed: int = 0
    pairs: int = 48
    """Quadruples per step; each brings two pictures and two captions."""
    rate: float = 1e-3
    warmup: int = 50
    decay: float = 0.1
    crutch: float = 1.0
    """Weight of the attribute loss on the image embedding."""


RECIPES: dict[str, Recipe] = {
    "vit": Recipe(steps=1000),
    "coca": Recipe(steps=500, start="vit", seed=1),
    "siglip": Recipe(steps=700, rounds=2, seed=2),
}


def configuration(name: str, vocabulary: int) -> dict[str, object]:
    """The `open_clip_config.json` of backbone `name` for a vocabulary of that many tokens.

    Raises:
        ValueError: there is no backbone of this name.
    """
    text: dict[str, object] = {
        "context_length": _TEXT_LENGTH,
        "vocab_size": vocabulary,
        "tokenizer_kwargs": {"bpe_path": MERGES},
        "width": 128,
        "heads": 4,
        "layers": 4,
    }
    image: dict[str, object] = {
        "image_size": 64,
        "patch_size": 8,
        "width": 128,
        "head_width": 32,
        "layers": 5,
    }
    match name:
        case "vit":
            model = {"embed_dim": 128, "vision_cfg": image, "text_cfg": text}
            preprocess = _preprocess(64, "shortest", mean=0.5, std=0.25)
        case "coca":
            model = {
                "embed_dim": 128,
                "custom_text": True,
                "vision_cfg": {**image, "output_tokens": True},
                "text_cfg": {**text, "embed_cls": True, "output_tokens": True},
                "multimodal_cfg": {
                    "context_length": _TEXT_LENGTH,
                    "vocab_size": vocabulary,
                    "width": 128,
                    "heads": 4,
                    "layers": 1,
                },
            }
            preprocess = _preprocess(64, "shortest", mean=0.5, std=0.25)
        case "siglip":
            model = {
                "embed_dim": 96,
                "init_logit_scale": 2.302585,
                "init_logit_bias": -5.0,
                "custom_text": True,
                "vision_cfg": {
                    "image_size": 160,
                    "timm_model_name": "test_vit3",
                    "timm_model_pretrained": False,
                    "timm_pool": "map",
                    "timm_proj": "none",
                },
                "text_cfg": {**text, "no_causal_mask": True, "proj_bias": True},
            }
            preprocess = _preprocess(160, "squash", mean=0.5, std=0.5)
        case _:
            raise ValueError(f"no backbone is called {name!r}; there are {list(RECIPES)}")
    return {"model_cfg": model, "preprocess_cfg": preprocess}


def _preprocess(size: int, resize: str, *, mean: float, std: float) -> dict[str, object]:
    return {
        "size": size,
        "mode": "RGB",
        "mean": [mean] * 3,
        "std": [std] * 3,
        "interpolation": "bicubic",
        "resize_mode": resize,
        "fill_color": 0,
    }
