"""Blanking replaces what its probe flags, and nothing else."""

import pytest
import torch
from torch.nn.functional import normalize

from uwm.errors import PairingError
from uwm.method.blanking import Blanking


def clouds(seed: int, samples: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Safe and unsafe unit embeddings that one direction separates, beside a louder one."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(2, samples, 16, generator=generator)
    base[..., 0] = 8 * torch.randn(2, samples, generator=generator)
    base[1, :, 1] += 7
    safe, unsafe = normalize(base, dim=-1)
    return safe, unsafe


def test_flagged_texts_get_the_mean_safe_text_and_others_stay() -> None:
    safe, unsafe = clouds(0)
    blanking = Blanking.fit(safe, unsafe)
    held_out = clouds(1)
    shares = [float(blanking.flags(part).float().mean()) for part in held_out]
    assert shares[0] < 0.2
    assert shares[1] > 0.8
    for part in held_out:
        flagged, blanked = blanking.flags(part), blanking.apply(part)
        assert torch.equal(blanked[~flagged], part[~flagged])
        expected = normalize(safe.mean(0), dim=0).expand_as(blanked[flagged])
        assert torch.equal(blanked[flagged], expected)


def test_a_probe_needs_pairs() -> None:
    safe, unsafe = clouds(0)
    with pytest.raises(PairingError, match="pairs"):
        Blanking.fit(safe, unsafe[1:])
