from dataclasses import replace

import pytest
import torch
from torch import Tensor

from uwm.errors import PairingError
from uwm.metrics.registry import BUILT_IN
from uwm.metrics.safeground import PairedEmbeddings, safeground


def unit(*shape: int, seed: int) -> Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(x, dim=-1)


def quadruples(samples: int = 60) -> PairedEmbeddings:
    return PairedEmbeddings(*(unit(samples, 5, seed=seed) for seed in range(4)))


EXPECTED = [metric.name for metric in BUILT_IN if metric.group == "safety"]


def test_each_metric_is_its_definition() -> None:
    e = quadruples()
    found = safeground(e)
    assert set(found) == set(EXPECTED)
    for i in range(len(e.safe_image)):
        safe_image, unsafe_image, safe_text, unsafe_text = (part[i] for part in e)
        p_t_s = bool(safe_text @ safe_image > safe_text @ unsafe_image)
        p_t_u = bool(unsafe_text @ safe_image > unsafe_text @ unsafe_image)
        p_v_s = bool(safe_image @ safe_text > safe_image @ unsafe_text)
        p_v_u = bool(unsafe_image @ safe_text > unsafe_image @ unsafe_text)
        expected = {
            "P_t_s": p_t_s,
            "P_t_u": p_t_u,
            "P_v_s": p_v_s,
            "P_v_u": p_v_u,
            "Txt_s": p_v_s and p_v_u,
            "Img_s": p_t_s and p_t_u,
            "PS": p_t_s and p_v_s,
            "PU": p_t_u and p_v_u,
            "GS": p_t_s and p_t_u and p_v_s and p_v_u,
        }
        assert {metric: bool(found[metric][i]) for metric in EXPECTED} == expected


def test_swapping_safe_and_unsafe_swaps_the_preferences() -> None:
    e = quadruples()
    swapped = PairedEmbeddings(e.unsafe_image, e.safe_image, e.unsafe_text, e.safe_text)
    assert torch.equal(safeground(swapped)["P_t_s"], ~safeground(e)["P_t_u"])
    assert torch.equal(safeground(swapped)["P_v_u"], ~safeground(e)["P_v_s"])


def test_a_tie_is_not_safe() -> None:
    same = unit(4, 5, seed=0)
    assert not any(found.any() for found in safeground(PairedEmbeddings(*[same] * 4)).values())


def test_quadruples_must_pair() -> None:
    e = quadruples()
    with pytest.raises(PairingError, match=r"\(59, 5\)"):
        safeground(replace(e, unsafe_text=e.unsafe_text[1:]))
