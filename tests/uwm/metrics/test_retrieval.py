import itertools

import pytest
import torch
from torch import Tensor

from uwm.metrics import retrieval
from uwm.metrics.items import Items
from uwm.metrics.registry import RECALL_AT, UNION_SEARCHES, UNSAFE_AT
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
    monkeypatch.setattr(retrieval, "QUERIES", tile)
    monkeypatch.setattr(retrieval, "CANDIDATES", tile)
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
    for name in {metric.split("_R@")[0] for metric in found if "_R@" in metric}:
        for low, high in itertools.pairwise(RECALL_AT):
            assert (found[f"{name}_R@{low}"] <= found[f"{name}_R@{high}"]).all()


def captioned(pictures: int, captions: int) -> Items:
    """Every picture with several captions of its own, safe and unsafe."""
    rows = range(pictures * captions)
    return Items.of(
        {side: [f"{side} {row // captions}" for row in rows] for side in ("safe", "unsafe")},
        {side: [f"{side} {row}" for row in rows] for side in ("safe", "unsafe")},
    )


def test_a_perfect_model_finds_every_caption_of_a_picture() -> None:
    pictures = torch.eye(40).repeat_interleave(5, 0)
    # Captions lie near their picture, each a little elsewhere.
    captions = torch.nn.functional.normalize(pictures + 0.01 * unit(200, 40, seed=3), dim=-1)
    parts = pictures[:100], pictures[100:], captions[:100], captions[100:]
    found = recalls(PairedEmbeddings(*parts, items=captioned(20, 5)))
    assert found["text_to_image_R@1"].all()
    assert found["image_to_text_R@1"].all()
    alone = recalls(PairedEmbeddings(*parts))  # as if each were a picture of its own
    assert not alone["text_to_image_R@1"].any()


def test_items_that_never_repeat_change_nothing() -> None:
    e = PairedEmbeddings(*(unit(50, 6, seed=seed) for seed in range(4)))
    found = recalls(PairedEmbeddings(*e, items=captioned(50, 1)))
    for metric, outcome in recalls(e).items():
        assert torch.equal(found[metric], outcome), metric


def test_equal_queries_find_the_same_and_each_is_found_by_any_of_its_rows() -> None:
    """Against a plain search through the whole matrix."""
    generator = torch.Generator().manual_seed(0)
    images, texts = (torch.randint(12, (40,), generator=generator) for _ in range(2))
    of_images, of_texts = unit(12, 5, seed=1)[images], unit(12, 5, seed=2)[texts]
    far = unit(40, 5, seed=3)
    items = Items(images, 100 + torch.arange(40), texts, 100 + torch.arange(40))
    found = recalls(PairedEmbeddings(of_images, far, of_texts, far, items=items))
    for row in range(40):
        wanted = set(texts[images == images[row]].tolist())
        similar = {
            int(texts[other]): float(of_images[row] @ of_texts[other]) for other in range(40)
        }
        own = max(similar[item] for item in wanted)
        ahead = sum(value >= own for item, value in similar.items() if item not in wanted)
        for k in RECALL_AT:
            assert bool(found[f"image_to_text_R@{k}"][row]) is (ahead < k)


def test_the_first_of_the_union_is_safe_or_unsafe_and_a_tie_is_unsafe() -> None:
    safe, unsafe = torch.eye(40)[:20], torch.eye(40)[20:]
    before = recalls(PairedEmbeddings(safe, unsafe, safe, unsafe))
    after = recalls(PairedEmbeddings(safe, unsafe, safe, safe))
    same = recalls(PairedEmbeddings(safe, safe, safe, safe))
    for search in ("unsafe_text_to_union", "unsafe_image_to_union"):
        assert before[f"{search}_unsafe@1"].all()
        assert same[f"{search}_unsafe@1"].all()
    assert not after["unsafe_text_to_union_unsafe@1"].any()


def test_a_model_that_blanks_unsafe_texts_is_not_unsafe_and_redirects_nothing() -> None:
    """What the preference metrics cannot tell from a repair."""
    safe, unsafe = torch.eye(40)[:20], torch.eye(40)[20:]
    blank = torch.nn.functional.normalize(safe.mean(0), dim=0).expand(20, -1)
    found = recalls(PairedEmbeddings(safe, unsafe, safe, blank))
    assert not found["unsafe_text_to_union_unsafe@1"].any()
    assert not found["unsafe_text_to_union_R@1"].any()


@pytest.mark.parametrize("tile", [3, 1000])
def test_what_is_unsafe_of_the_mixed_gallery_is_counted_in_a_sorted_list(
    tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a plain sort of all candidates."""
    monkeypatch.setattr(retrieval, "QUERIES", tile)
    monkeypatch.setattr(retrieval, "CANDIDATES", tile)
    e = PairedEmbeddings(*(unit(30, 6, seed=seed) for seed in range(4)))
    found = recalls(e)
    asking = {
        "safe_text_to_union": e.safe_text,
        "safe_image_to_union": e.safe_image,
        "unsafe_text_to_union": e.unsafe_text,
        "unsafe_image_to_union": e.unsafe_image,
    }
    assert tuple(asking) == UNION_SEARCHES
    for search, queries in asking.items():
        gallery = torch.cat(list(e)[:2] if "text_to" in search else list(e)[2:])
        order = (queries @ gallery.T).argsort(1, descending=True)
        for k in UNSAFE_AT:
            share = 100.0 * (order[:, :k] >= 30).double().mean(1)
            outcome = found[f"{search}_unsafe@{k}"]
            assert torch.equal(outcome * 100.0 if k == 1 else outcome, share)
        for k in RECALL_AT:
            own = (order[:, :k] == torch.arange(30).unsqueeze(1)).any(1)
            assert torch.equal(found[f"{search}_R@{k}"], own)


def test_in_the_mixed_gallery_a_repeated_item_counts_once_and_is_unsafe_where_it_is_anywhere() -> (
    None
):
    shared = torch.eye(8)[:4]
    # The unsafe picture of every row is the safe one of the next, and all rows have it.
    images = Items.of(
        {"safe": ["a", "b", "c", "d"], "unsafe": ["b", "c", "d", "e"]},
        {"safe": list("pqrs"), "unsafe": list("tuvw")},
    )
    e = PairedEmbeddings(shared, torch.eye(8)[1:5], shared, shared, items=images)
    found = recalls(e)
    # Of five pictures a alone is safe in every row: its text finds it first.
    assert found["safe_text_to_union_unsafe@1"].tolist() == [False, True, True, True]
    assert found["safe_text_to_union_unsafe@5"].tolist() == [80.0] * 4
    # Ten are asked for and five are there, four of them unsafe.
    assert found["safe_text_to_union_unsafe@10"].tolist() == [40.0] * 4
