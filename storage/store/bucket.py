"""An object store as the few operations that a store needs, with errors a person can act on."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from uwm.errors import StoreError, install

_DRIVERS = {"s3": "s3", "s3a": "s3", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_BLOCK = 2**22
_OPTIONS: dict[str, dict[str, Any]] = {
    # Listings must show what other machines wrote; an endpoint that is down is told in seconds.
    "s3": {"config_kwargs": {"connect_timeout": 5, "retries": {"max_attempts": 3}}},
}


class Bucket:
    """Objects below one URL, by their names relative to it.

    Args:
        url: `s3://bucket/prefix` or any other that fsspec has a driver for. Credentials and
            endpoint come from the driver's usual environment variables.
        reading: only to be read.

    Raises:
        StoreError: no driver, no bucket, no access, no answer. Told before any work: unless it is
            only to be read, an object is written and deleted first.
    """

    def __init__(self, url: str, *, reading: bool = False) -> None:
        from fsspec.core import url_to_fs

        parts = urlsplit(url)
        if "@" in parts.netloc or parts.query:
            raise StoreError(
                "a store's URL is written to results and logs, so it holds no credentials; give "
                f"them in the environment and the URL as {parts.scheme}://BUCKET/PREFIX"
            )
        self.url = url.rstrip("/")
        scheme = "s3" if parts.scheme == "s3a" else parts.scheme
        options = {"skip_instance_cache": True, "use_listings_cache": False}
        if scheme == "memory":  # one for the process, or nothing would be found again
            options = {}
        try:
            self._files, root = url_to_fs(self.url, **options, **_OPTIONS.get(scheme, {}))
        except ImportError as error:
            extra = _DRIVERS.get(scheme)
            remedy = install("s3") if extra == "s3" else f"run `pip install {extra or scheme}`"
            raise StoreError(f"a store at {scheme}:// needs a driver package; {remedy}") from error
        except ValueError as error:
            raise StoreError(
                f"a store is a folder, a file:// URL or one that fsspec has a driver for, such as "
                f"s3://bucket/prefix; got {url}"
            ) from error
        except Exception as error:  # some drivers connect at once, and raise kinds of their own
            raise StoreError(
                f"the store {self.url} does not answer: {type(error).__name__}: {error}; check "
                "the URL and the network, then run again"
            ) from error
        self._root = root.rstrip("/")
        if reading:
            return
        probe = f".writable-{uuid.uuid4().hex}"
        self.write(probe, b"")
        self.delete([probe])

    def read(self, name: str) -> bytes | None:
        """An object's bytes, None where there is none."""
        with self._told():
            try:
                content: bytes = self._files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def digest(self, name: str) -> str:
        """SHA-256 of an object, read in pieces."""
        digest = hashlib.sha256()
        with self._told(), self._files.open(self._path(name), "rb", block_size=_BLOCK) as file:
            while piece := file.read(_BLOCK):
                digest.update(piece)
        return digest.hexdigest()

    def write(self, name: str, content: bytes) -> None:
        """Put an object, whole or not at all."""
        with self._told():
            self._files.pipe_file(self._path(name), content)

    def upload(self, name: str, path: Path) -> None:
        with self._told():
            self._files.put_file(str(path), self._path(name))

    def download(self, name: str, path: Path) -> None:
        with self._told():
            self._files.get_file(self._path(name), str(path))

    def list(self, folder: str) -> dict[str, dict[str, Any]]:
        """Every object below a folder, by name, with its `size` and what the driver says."""
        with self._told():
            try:
                found = self._files.find(self._path(folder).rstrip("/"), detail=True)
            except FileNotFoundError:
                return {}
        return {path.removeprefix(f"{self._root}/"): status for path, status in found.items()}

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are no error."""
        with self._told():
            if names:
                with suppress(FileNotFoundError):
                    self._files.rm([self._path(name) for name in names])

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Drivers raise kinds of their own; what a person can do is the same few things."""
        try:
            yield
        except FileNotFoundError as error:
            raise StoreError(
                f"there is no bucket for the store {self.url}: {error}; make it, or name another "
                "with --store"
            ) from error
        except PermissionError as error:
            raise StoreError(
                f"the store {self.url} denies access: {error}; check the credentials in the "
                "environment, which must allow to list, get, put and delete"
            ) from error
        except Exception as error:
            if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                raise StoreError(
                    f"the store {self.url} needs credentials and the environment has none: set "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
                ) from error
            raise StoreError(
                f"the store {self.url} does not answer: {type(error).__name__}: {error}; check "
                f"the network and the endpoint (AWS_ENDPOINT_URL), then run again"
            ) from error


def endpoint() -> str:
    """The S3 endpoint that the environment names, empty for the provider's own."""
    return next((value for name in _ENDPOINTS if (value := os.environ.get(name))), "")


@cache
def connect(url: str, endpoint: str, reading: bool = False) -> Bucket:
    """A bucket, connected and probed once per process."""
    return Bucket(url, reading=reading)
