"""Scores against a naive, explicit derivation of Eq. 8-10 that shares no code with ours."""

import math
from typing import get_args

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from uwm.config import NodeScoreKind, ScoreKind
from uwm.errors import NonFiniteScoreError, PairingError
from uwm.method.scoring import NodeScore, WeightScore, usable
from uwm.method.selection import select_count
from uwm.method.statistics import Activations

Case = tuple[Tensor, Tensor, Tensor, list[int], list[int]]


def phi(x: list[list[float]], weight: list[list[float]]) -> list[list[float]]:
    """Eq. 8 and 9 for one sample by loops over plain numbers; x is tokens by nodes."""
    outs, ins, tokens = len(weight), len(weight[0]), len(x)
    norm = [math.sqrt(sum(row[j] ** 2 for row in x)) for j in range(ins)]
    mean = [sum(row[j] for row in x) / tokens for j in range(ins)]
    std = [math.sqrt(sum((row[j] - mean[j]) ** 2 for row in x) / (tokens - 1)) for j in range(ins)]
    into = [sum(norm[j] * abs(weight[i][j]) for j in range(ins)) / ins for i in range(outs)]
    out_of = [sum(norm[j] * abs(weight[i][j]) for i in range(outs)) / outs for j in range(ins)]
    return [[into[i] * out_of[j] / std[j] for j in range(ins)] for i in range(outs)]


def oracle(case: Case, kind: ScoreKind, prior: bool) -> list[list[float]]:
    """Eq. 10, and the paper's two ablations."""
    weight, safe, unsafe, safe_tokens, unsafe_tokens = case
    rows = weight.tolist()
    total = [[0.0] * weight.shape[1] for _ in rows]
    for b in range(len(safe)):
        of_safe = phi(safe[b, : safe_tokens[b]].tolist(), rows)
        of_unsafe = phi(unsafe[b, : unsafe_tokens[b]].tolist(), rows)
        for i, row in enumerate(total):
            for j in range(len(row)):
                s, u = of_safe[i][j], of_unsafe[i][j]
                row[j] += {"ratio": u / s, "unsafe_only": u, "difference": u - s}[kind] / len(safe)
    if prior:
        total = [
            [value * abs(rows[i][j]) for j, value in enumerate(row)] for i, row in enumerate(total)
        ]
    return total


@st.composite
def cases(draw: st.DrawFn) -> Case:
    samples, tokens = draw(st.integers(1, 5)), draw(st.integers(2, 6))
    outs, ins = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    counts = st.lists(st.integers(2, tokens), min_size=samples, max_size=samples)
    return (
        torch.randn(outs, ins, generator=generator),
        torch.randn(samples, tokens, ins, generator=generator),
        torch.randn(samples, tokens, ins, generator=generator),
        draw(counts),
        draw(counts),
    )


def activations(x: Tensor, tokens: list[int]) -> Activations:
    real = [sample[:count] for sample, count in zip(x, tokens, strict=True)]
    return Activations(
        torch.stack([sample.norm(dim=0) for sample in real]),
        torch.stack([sample.std(dim=0) for sample in real]),
    )


@pytest.mark.parametrize("kind", ["ratio", "unsafe_only", "difference"])
@pytest.mark.parametrize("prior", [False, True])
@given(case=cases(), batch=st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_the_factorised_score_is_the_papers(
    kind: ScoreKind, prior: bool, case: Case, batch: int
) -> None:
    weight, safe, unsafe, safe_tokens, unsafe_tokens = case
    of_safe, of_unsafe = activations(safe, safe_tokens), activations(unsafe, unsafe_tokens)
    scorer = WeightScore(weight, kind, prior=prior)
    for start in range(0, len(safe), batch):
        rows = slice(start, start + batch)
        scorer.update(
            Activations(*(part[rows] for part in of_safe)),
            Activations(*(part[rows] for part in of_unsafe)),
        )
    expected = torch.tensor(oracle(case, kind, prior))
    # The terms of a difference cancel, so its error is that of its terms.
    scale = torch.tensor(oracle(case, "unsafe_only", prior)).abs().max().item()
    atol = 1e-5 * scale if kind == "difference" else 0.0
    torch.testing.assert_close(scorer.result(), expected, rtol=2e-4, atol=atol)


def test_doubling_an_activation_leaves_the_papers_score_but_doubles_the_node_score() -> None:
    x = torch.rand(3, 4, 2) + 0.1
    stronger = x * torch.tensor([1.0, 2.0])
    safe, unsafe = activations(x, [4] * 3), activations(stronger, [4] * 3)
    paper, ours = WeightScore(torch.eye(2)), NodeScore(2)
    for scorer in (paper, ours):
        scorer.update(safe, unsafe)
    torch.testing.assert_close(ours.result(), torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(paper.result()[0], torch.tensor([1.0, 1.0]))


RATIOS: tuple[NodeScoreKind, ...] = (
    "ratio",
    "log_ratio",
    "ratio_of_means",
    "flow_ratio",
)


@pytest.mark.parametrize("kind", RATIOS)
def test_a_node_heard_on_one_partition_alone_prefers_it(kind: NodeScoreKind) -> None:
    """Of four nodes: heard on unsafe alone, on both alike, on neither, on safe alone."""
    one, none = torch.full((5, 1), 2.0), torch.zeros(5, 1)
    unsafe, safe = (
        Activations(norm, torch.ones(5, 4))
        for norm in (torch.cat([one, one, none, none], 1), torch.cat([none, one, none, one], 1))
    )
    scorer = NodeScore(4, kind)
    scorer.update(safe, unsafe)
    loud, alike, silent, safe_alone = scorer.result().tolist()
    assert loud > alike == silent > safe_alone
    swapped = NodeScore(4, kind)
    swapped.update(unsafe, safe)
    torch.testing.assert_close(swapped.result(), scorer.result()[[3, 1, 2, 0]])


def test_the_papers_score_hears_a_node_that_safe_content_leaves_silent() -> None:
    silent = Activations(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 1.0]]))
    heard = Activations(torch.tensor([[2.0, 1.0]]), torch.tensor([[1.0, 1.0]]))
    scorer = WeightScore(torch.ones(1, 2))
    scorer.update(silent, heard)
    first, second = scorer.result()[0].tolist()
    assert first > second


def test_samples_without_a_std_are_left_out_and_counted() -> None:
    good = Activations(torch.ones(3, 2), torch.ones(3, 2))
    short = Activations(torch.ones(3, 2), torch.tensor([[1.0, 1.0], [torch.nan] * 2, [1.0, 1.0]]))
    scorer = WeightScore(torch.eye(2))
    scorer.update(*usable(good, short))
    assert scorer.samples == 2
    assert scorer.result().isfinite().all()


def test_overflow_is_an_error_not_a_sample_left_out() -> None:
    good = Activations(torch.ones(1, 2), torch.ones(1, 2))
    bad = Activations(torch.full((1, 2), torch.nan), torch.full((1, 2), torch.nan))
    scorer = WeightScore(torch.eye(2), "unsafe_only")
    scorer.update(*usable(good, bad))
    with pytest.raises(NonFiniteScoreError, match="4 of 4"):
        scorer.result()


def test_no_sample_is_an_error() -> None:
    with pytest.raises(NonFiniteScoreError):
        NodeScore(3).result()


def test_unpaired_samples_are_refused() -> None:
    with pytest.raises(PairingError, match=r"\(2, 3\) and \(1, 3\)"):
        NodeScore(3).update(
            Activations(torch.ones(2, 3), torch.ones(2, 3)),
            Activations(torch.ones(1, 3), torch.ones(1, 3)),
        )


def by_hand(kind: NodeScoreKind, safe: Activations, unsafe: Activations) -> Tensor:
    """Node scores as their definitions read, all samples at once in float64."""
    s, u = safe.norm.double(), unsafe.norm.double()
    match kind:
        case "ratio":
            return (u / s).mean(0)
        case "log_ratio":
            return (u / s).log().mean(0)
        case "ratio_of_means":
            return u.mean(0) / s.mean(0)
        case "difference":
            return (u - s).mean(0)
        case "standardized":
            return (u - s).mean(0) / (u - s).std(0, unbiased=False)
        case "flow_ratio":
            return ((u / unsafe.std) / (s / safe.std)).mean(0)


@pytest.mark.parametrize("batch", [1, 3, 7])
@pytest.mark.parametrize("kind", get_args(NodeScoreKind))
def test_a_node_score_is_its_definition_whatever_the_portions(
    kind: NodeScoreKind, batch: int, generator: torch.Generator
) -> None:
    safe, unsafe = (
        Activations(*(torch.rand(7, 5, generator=generator) + 0.1 for _ in range(2)))
        for _ in range(2)
    )
    scorer = NodeScore(5, kind)
    for rows in torch.split(torch.arange(7), batch):
        scorer.update(safe.rows(rows), unsafe.rows(rows))
    torch.testing.assert_close(scorer.result(), by_hand(kind, safe, unsafe).float())


def test_a_difference_that_never_varies_is_no_effect() -> None:
    same = Activations(torch.ones(4, 2), torch.ones(4, 2))
    scorer = NodeScore(2, "standardized")
    scorer.update(same, same)
    assert scorer.result().tolist() == [0, 0]


@given(cases(), st.floats(0.05, 0.95))
@settings(max_examples=25, deadline=None)
def test_what_safe_content_needs_most_scores_nothing_and_the_rest_as_before(
    case: Case, spared: float
) -> None:
    weight, safe, unsafe, safe_tokens, unsafe_tokens = case
    assume(spared * weight.numel() >= 2)
    of_safe, of_unsafe = activations(safe, safe_tokens), activations(unsafe, unsafe_tokens)
    plain = WeightScore(weight, "unsafe_only")
    sparing = WeightScore(weight, "unsafe_only", spared=spared)
    needed = WeightScore(weight, "unsafe_only")  # fed safe samples in place of unsafe ones
    plain.update(of_safe, of_unsafe)
    sparing.update(of_safe, of_unsafe)
    needed.update(of_safe, of_safe)
    found = sparing.result()
    left = select_count(needed.result(), spared)
    assert not found.flatten()[left].any()
    kept = torch.ones(found.numel(), dtype=torch.bool)
    kept[left] = False
    assert torch.equal(found.flatten()[kept], plain.result().flatten()[kept])
