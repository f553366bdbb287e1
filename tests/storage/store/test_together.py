from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from storage.store.spec import Spec
from storage.store.store import Store
from storage.store.together import make_together


class Numbers(Spec):
    kind: ClassVar[str] = "numbers"
    resumable: ClassVar[bool] = True
    count: int


def spec(count: int) -> Numbers:
    return Numbers(code="a", count=count)


def write(folders: Mapping[Numbers, Path]) -> None:
    for each, folder in folders.items():
        (folder / "count").write_text(str(each.count))


def test_what_is_missing_is_built_in_one_call_and_nothing_else_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.make(spec(2), lambda folder: write({spec(2): folder}))
    calls: list[set[int]] = []

    def build(folders: Mapping[Numbers, Path]) -> None:
        calls.append({each.count for each in folders})
        write(folders)

    for _ in range(2):
        make_together(store, [spec(count) for count in (1, 2, 3)], build)
    assert calls == [{1, 3}]
    for count in (1, 2, 3):
        folder = store.path(spec(count))
        assert (folder / "count").read_text() == str(count)


def test_of_a_build_that_fails_nothing_is_published_and_every_draft_goes_on(tmp_path: Path) -> None:
    store, both = Store(tmp_path), [spec(1), spec(2)]

    def cut_off(folders: Mapping[Numbers, Path]) -> None:
        write(folders)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_together(store, both, cut_off)
    assert not any(store.complete(each) for each in both)

    def go_on(folders: Mapping[Numbers, Path]) -> None:
        assert all((folder / "count").is_file() for folder in folders.values())

    make_together(store, both, go_on)
    assert all(store.complete(each) for each in both)
