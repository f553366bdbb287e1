"""SigLIP's image towers as timm names them: their shapes and activations."""

from __future__ import annotations

SIGLIP_TRUNKS: dict[tuple[int, int, int, int, int], str] = {
    (768, 12, 12, 3072, 32): "vit_base_patch32_siglip",
    (768, 12, 12, 3072, 16): "vit_base_patch16_siglip",
    (1024, 24, 16, 4096, 16): "vit_large_patch16_siglip",
    (1152, 27, 16, 4304, 14): "vit_so400m_patch14_siglip",
    (1152, 27, 16, 4304, 16): "vit_so400m_patch16_siglip",
    (1536, 40, 16, 6144, 16): "vit_giantopt_patch16_siglip",
}
"""timm's names (less the image size) by width, blocks, heads, MLP width and patch size."""
_TANH_TRUNKS = (
    *("vit_base_patch32_siglip_", "vit_large_patch16_siglip_512"),
    *("vit_so400m_patch16_siglip_", "vit_giantopt_patch16_siglip_"),
)
"""Those that timm builds with GELU's tanh form; the others have the exact one, whatever SigLIP's
own training had."""


def trunk_is_tanh(timm_name: str) -> bool:
    """Whether timm builds a SigLIP trunk with GELU's tanh form."""
    return timm_name.startswith(_TANH_TRUNKS)


def trunk_depth(timm_name: str) -> int:
    """Number of blocks of a SigLIP trunk."""
    name = timm_name.rpartition("_")[0]
    return next(shape[1] for shape, known in SIGLIP_TRUNKS.items() if known == name)
