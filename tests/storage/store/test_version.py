import json
from pathlib import Path
from typing import ClassVar

import pytest

from storage.store.bucket import connect, endpoint
from storage.store.spec import Spec
from storage.store.store import Store
from storage.store.version import FORMAT, NAME
from tests.makers.object_store import Bucketful
from uwm.errors import StoreError


class Word(Spec):
    kind: ClassVar[str] = "words"
    text: str


def write_word(store: Store) -> None:
    spec = Word(code="", text="safe")

    def build(folder: Path) -> None:
        (folder / "word").write_text(spec.text)

    store.make(spec, build)


@pytest.fixture(params=["folder", "bucket"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    found: Bucketful = request.getfixturevalue("s3")
    found.machine("one")
    return found.url


def write_format(url: str, content: bytes) -> None:
    """Have the store say that it has another format."""
    if "://" in url:
        connect(url, endpoint()).write(NAME, content)
    else:
        (Path(url) / NAME).write_bytes(content)


def forget_format(url: str) -> None:
    if "://" in url:
        connect(url, endpoint()).delete([NAME])
    else:
        (Path(url) / NAME).unlink()


def test_a_store_opens_again_with_what_is_in_it(url: str) -> None:
    write_word(Store(url))
    assert Store(url).complete(Word(code="", text="safe"))


def test_artifacts_of_the_first_format_which_said_nothing_are_told(url: str) -> None:
    write_word(Store(url))
    forget_format(url)
    with pytest.raises(StoreError, match=r"format 1.*--store, or delete"):
        Store(url)


def test_a_newer_store_is_told(url: str) -> None:
    Store(url)
    write_format(url, json.dumps({"format": FORMAT + 1}).encode())
    with pytest.raises(StoreError, match="install a newer uwm"):
        Store(url)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"format": "2"}', b"\xff", b"{}"])
def test_a_store_that_does_not_say_its_format_is_not_guessed(url: str, content: bytes) -> None:
    Store(url)
    write_format(url, content)
    with pytest.raises(StoreError, match="does not say"):
        Store(url)


def test_a_folder_that_was_made_for_a_store_becomes_one(tmp_path: Path) -> None:
    Store(tmp_path)
    assert json.loads((tmp_path / NAME).read_text()) == {"format": FORMAT}
