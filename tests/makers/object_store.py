"""A real S3-compatible server on loopback, and machines that share a store on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from fsspec.core import url_to_fs
from moto.server import ThreadedMotoServer

from storage.store.copies import CACHE
from storage.store.store import Store


@dataclass
class Bucketful:
    """One test's bucket; `files` are its objects, reached behind the store's back."""

    url: str
    machine: Callable[[str], Store]

    def objects(self) -> dict[str, int]:
        """Sizes by name below the store's URL."""
        files, root = url_to_fs(self.url, skip_instance_cache=True, use_listings_cache=False)
        found = files.find(root, detail=True)
        return {name.removeprefix(f"{root}/"): status["size"] for name, status in found.items()}

    def overwrite(self, name: str, content: bytes) -> None:
        files, root = url_to_fs(self.url, skip_instance_cache=True)
        files.pipe_file(f"{root}/{name}", content)

    def delete(self, name: str) -> None:
        files, root = url_to_fs(self.url, skip_instance_cache=True)
        files.rm_file(f"{root}/{name}")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucketful:
    """A fresh bucket; `machine(name)` is its store as a machine of that name sees it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"uwm-{uuid4().hex}"
    files, _ = url_to_fs(f"s3://{bucket}", skip_instance_cache=True)
    files.mkdir(bucket)
    url = f"s3://{bucket}/zoo"

    def machine(name: str) -> Store:
        monkeypatch.setenv(CACHE, str(tmp_path / name))
        return Store(url)

    return Bucketful(url, machine)
