from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.makers.hub_server import ask, serving
from uwm.backbones.hub import cached, obtain
from uwm.errors import MissingWeightsError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and a hub that nothing answers for."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    ask(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "cache"


@pytest.mark.parametrize("offline", [True, False])
def test_what_is_missing_is_told_with_where_it_was_sought_and_how_to_fetch_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(MissingWeightsError) as caught:
        obtain("owner/model", ("best.safetensors", "other.bin"), "v2")
    said = str(caught.value)
    assert "best.safetensors or other.bin of owner/model" in said
    assert str(cache) in said
    assert "hf download owner/model best.safetensors --revision v2" in said


def test_a_file_is_fetched_once_under_the_best_name_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("best.safetensors", "other.bin")
    with serving({"owner/model/other.bin": b"weights"}) as (address, asked):
        ask(monkeypatch, address)
        assert obtain("owner/model", names, download=False) is None
        assert not any(request.startswith("GET") for request in asked)
        assert cached("owner/model", names) is None
        path = obtain("owner/model", names)
        assert path is not None
        assert path.read_bytes() == b"weights"
    assert obtain("owner/model", names) == path  # the server is gone: from the cache
    assert cached("owner/model", names) == path


def test_a_repository_without_the_file_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as (address, _):
        ask(monkeypatch, address)
        with pytest.raises(MissingWeightsError, match="no such file"):
            obtain("owner/model", ("best.safetensors",))
