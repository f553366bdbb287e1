import pytest

from uwm.errors import PairingError
from uwm.metrics.items import Items, numbered


def items(safe: str, unsafe: str) -> Items:
    pictures = {"safe": list(safe), "unsafe": list(unsafe)}
    texts = {side: [f"{side} {row}" for row in range(len(safe))] for side in pictures}
    return Items.of(pictures, texts)


def test_equal_content_is_one_item_whichever_side_it_is_on() -> None:
    found = items("aab", "bcd")
    assert found.safe_image.tolist() == [0, 0, 1]
    assert found.unsafe_image.tolist() == [1, 2, 3]
    assert len(set(found.safe_text.tolist())) == 3


@pytest.mark.parametrize(
    ("safe", "unsafe", "clusters"),
    [
        ("aabb", "wxyz", [0, 0, 1, 1]),
        ("abcd", "xxyz", [0, 0, 1, 2]),
        ("aabc", "xyyz", [0, 0, 0, 1]),  # through the middle row
        ("abcd", "bcdx", [0, 0, 0, 0]),  # safe in one row and unsafe in the next
    ],
)
def test_rows_that_share_a_picture_directly_or_through_others_are_one_cluster(
    safe: str, unsafe: str, clusters: list[int]
) -> None:
    found = items(safe, unsafe).clusters()
    assert found is not None
    assert found.tolist() == clusters


def test_rows_without_a_shared_picture_are_no_clusters() -> None:
    assert Items.distinct(5).clusters() is None
    assert items("abc", "axy").clusters() is None  # twice in one row


def test_rows_of_one_name_are_one_cluster_with_those_that_share_their_pictures() -> None:
    named = Items.distinct(4).clusters(["b", "a", "b", "c"])
    assert named is not None
    assert named.tolist() == [0, 1, 0, 2]
    joined = items("aabc", "wxyz").clusters(["p", "q", "q", "r"])
    assert joined is not None
    assert joined.tolist() == [0, 0, 0, 1]  # by a picture, then by a name
    assert Items.distinct(3).clusters(["a", "b", "c"]) is None


def test_numbers_follow_the_order_in_which_labels_come() -> None:
    assert numbered(["z", "a", "z", "b"]).tolist() == [0, 1, 0, 2]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(PairingError, match="row by row"):
        Items.of({"safe": ["a"], "unsafe": ["b"]}, {"safe": ["c", "d"], "unsafe": ["e"]})
