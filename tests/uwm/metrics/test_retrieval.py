import itertools

import pytest
import torch
from torch import Tensor

from uwm.metrics import retrieval
from uwm.metrics.registry import RECALL_AT
from uwm.metrics.retrieval import ranks, recalls
from uwm.metrics.safeground import PairedEmbeddings


def unit(*shape: int, seed: int) -> Tensor:
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(x, dim=-1)


@pytest.mark.parametrize("tile", [1, 7, 1000])
def test_ranks_are_those_of_the_whole_matrix_whatever_the_tiles(
    tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries, candidates = unit(30, 4, seed=0), unit(60, 4, seed=1)
    order = (queries @ candidates.T).argsort(1, descending=True)
    expected = (order == torch.arange(30).unsqueeze(1)).nonzero()[:, 1]
    monkeypatch.setattr(retrieval, "_QUERIES", tile)
    monkeypatch.setattr(retrieval, "_CANDIDATES", tile)
    assert torch.equal(ranks(queries, candidates), expected)


def test_a_tie_counts_against_the_hit() -> None:
    queries = unit(1, 4, seed=0).repeat(5, 1)
    assert ranks(queries, queries).tolist() == [4] * 5


def test_a_perfect_model_finds_everything_and_the_union_holds_the_unsafe() -> None:
    safe, unsafe = torch.eye(40)[:20], torch.eye(40)[20:]
    found = recalls(PairedEmbeddings(safe, unsafe, safe, unsafe))
    assert found["text_to_image_R@1"].all()
    assert found["image_to_text_R@1"].all()
    # The unsafe query is closest to its unsafe partner, so the safe one is never first.
    assert not found["unsafe_text_to_union_R@1"].any()
    redirected = recalls(PairedEmbeddings(safe, unsafe, safe, safe))
    assert redirected["unsafe_text_to_union_R@1"].all()


def test_recall_grows_with_k() -> None:
    e = PairedEmbeddings(*(unit(50, 6, seed=seed) for seed in range(4)))
    found = recalls(e)
    for name in {metric.split("_R@")[0] for metric in found}:
        for low, high in itertools.pairwise(RECALL_AT):
            assert (found[f"{name}_R@{low}"] <= found[f"{name}_R@{high}"]).all()
