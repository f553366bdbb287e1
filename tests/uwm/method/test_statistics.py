import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from uwm.errors import PairingError
from uwm.method.statistics import RealTokens, TokenMoments, token_moments


def moments(x: Tensor, keep: Tensor | None = None) -> TokenMoments:
    return token_moments(x, RealTokens.every(len(x), x) if keep is None else RealTokens.of(keep))


@st.composite
def activations(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """An activation and a mask with two or more real tokens per sample."""
    samples, tokens, nodes = (draw(st.integers(low, 6)) for low in (1, 2, 1))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    x = scale * (torch.randn(samples, tokens, nodes, generator=generator) + 3)
    real = torch.randint(2, tokens + 1, (samples, 1), generator=generator)
    return x, torch.arange(tokens) < real


@given(activations())
@settings(deadline=None)
def test_norm_and_std_are_those_of_the_real_tokens_alone(case: tuple[Tensor, Tensor]) -> None:
    x, keep = case
    found = moments(x, keep)
    for sample, mask, norm, std in zip(x, keep, found.norm, found.std, strict=True):
        torch.testing.assert_close(norm, sample[mask].norm(dim=0), rtol=1e-5, atol=1e-9)
        torch.testing.assert_close(std, sample[mask].std(dim=0), rtol=2e-4, atol=1e-9)


@given(activations(), st.data())
@settings(deadline=None)
def test_tokens_may_arrive_in_pieces(case: tuple[Tensor, Tensor], data: st.DataObject) -> None:
    x, _ = case
    cut = data.draw(st.integers(1, x.shape[1] - 1))
    whole, merged = moments(x), moments(x[:, :cut]).merge(moments(x[:, cut:]))
    torch.testing.assert_close(merged.norm, whole.norm)
    torch.testing.assert_close(merged.std, whole.std, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_the_batch_size_changes_nothing(batch: int) -> None:
    x = torch.randn(7, 5, 4)
    parts = [moments(part) for part in torch.split(x, batch)]
    assert torch.equal(torch.cat([part.norm for part in parts]), moments(x).norm)


def test_the_longest_text_of_all_decides_what_is_summed_not_that_of_a_batch() -> None:
    """Sums of other lengths would round otherwise: short texts alone, and beside a long one."""
    x, ends = torch.randn(8, 24, 16), torch.tensor([3, 4, 3, 5, 3, 4, 3, 20])
    every = RealTokens.of(torch.arange(24) < ends[:, None])
    for size in (1, 3, 8):
        parts = zip(torch.split(x, size), every.split(size), strict=True)
        norms = [token_moments(part, tokens).norm for part, tokens in parts]
        assert torch.equal(torch.cat(norms), token_moments(x, every).norm)


def test_padding_content_does_not_matter() -> None:
    x, keep = torch.randn(2, 4, 3), torch.tensor([[True, True, False, False]] * 2)
    other = x.clone()
    other[:, 2:] = 99
    assert torch.equal(moments(x, keep).std, moments(other, keep).std)


def test_a_sample_of_one_token_has_no_std() -> None:
    keep = torch.tensor([[True, False], [True, True]])
    std = moments(torch.randn(2, 2, 3), keep).std
    assert std[0].isnan().all()
    assert std[1].isfinite().all()


def test_a_sample_without_a_token_has_norm_0_and_no_std() -> None:
    keep = torch.tensor([[False, False], [True, True]])
    x = torch.randn(2, 2, 3)
    found = moments(x, keep)
    assert (found.norm[0] == 0).all()
    assert found.std[0].isnan().all()
    merged = found.merge(moments(x, keep))
    assert (merged.norm[0] == 0).all()
    assert merged.std[0].isnan().all()
    assert merged.std[1].isfinite().all()


def test_a_mask_that_does_not_fit_is_refused() -> None:
    with pytest.raises(PairingError, match=r"\(2, 4, 3\) and \(2, 5\)"):
        moments(torch.randn(2, 4, 3), torch.ones(2, 5, dtype=torch.bool))
