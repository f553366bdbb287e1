"""An object store that is of no use is told at once, with a remedy and without credentials."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem

from storage.store.bucket import Bucket
from tests.makers.object_store import Bucketful
from uwm.errors import StoreError


def test_objects_are_written_listed_and_deleted(s3: Bucketful) -> None:
    bucket = Bucket(s3.url)
    bucket.write("a/b", b"12")
    assert {name: status["size"] for name, status in bucket.list("a").items()} == {"a/b": 2}
    assert bucket.read("a/b") == b"12"
    assert bucket.read("a/c") is None
    assert bucket.list("c") == {}
    bucket.delete(["a/b", "a/c"])
    assert bucket.list("") == {}


def test_a_missing_bucket_is_told(s3: Bucketful) -> None:
    with pytest.raises(StoreError, match="there is no bucket"):
        Bucket("s3://uwm-nowhere/zoo")


def test_an_endpoint_that_is_down_is_told(s3: Bucketful, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(StoreError, match="does not answer"):
            Bucket(s3.url)


def test_missing_credentials_are_told(
    s3: Bucketful, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StoreError, match="needs credentials"):
        Bucket(s3.url)


@pytest.mark.parametrize(
    "url", ["s3://key:secret@bucket/zoo", "s3://secret@bucket", "s3://bucket/zoo?key=secret"]
)
def test_credentials_in_the_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreError, match="no credentials") as told:
        Bucket(url)
    assert "secret" not in str(told.value)


def test_a_missing_driver_is_told() -> None:
    with pytest.raises(StoreError, match="pip install gcsfs"):
        Bucket("gs://bucket/zoo")


def test_an_unknown_scheme_is_told() -> None:
    with pytest.raises(StoreError, match="fsspec has a driver for"):
        Bucket("nowhere://bucket/zoo")
    assert urlsplit("nowhere://bucket").scheme == "nowhere"


def test_a_driver_that_connects_at_once_and_fails_is_told() -> None:
    with pytest.raises(StoreError, match="does not answer"):
        Bucket("ftp://nowhere.invalid/zoo")


class Denying(MemoryFileSystem):  # type: ignore[misc]
    """Object storage whose credentials may do nothing."""

    protocol = "denying"

    def pipe_file(self, *arguments: object, **options: object) -> None:
        raise PermissionError("Access Denied")


def test_access_that_is_denied_is_told() -> None:
    register_implementation("denying", Denying, clobber=True)
    with pytest.raises(StoreError, match="list, get, put and delete"):
        Bucket("denying://bucket/zoo")
