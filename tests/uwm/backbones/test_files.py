"""Files of a stranger's folder: none leads out of it, and its JSON is small and flat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from uwm.backbones.files import MAX_BYTES, MAX_DEPTH, inside, read_json
from uwm.errors import UnknownBackboneError


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out", "link"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "out").touch()
    (folder / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UnknownBackboneError, match="must lie in the backbone's folder"):
        inside(folder, name)
    assert inside(folder, "a/b") == folder / "a" / "b"  # there or not


def test_links_to_the_blobs_of_a_repository_belong_to_it(tmp_path: Path) -> None:
    home = tmp_path / "models--a--b"
    snapshot = home / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "blobs" / "one").touch()
    (snapshot / "weights").symlink_to("../../blobs/one")
    assert inside(snapshot, "weights") == snapshot / "weights"
    (tmp_path / "other").touch()
    (snapshot / "foreign").symlink_to(tmp_path / "other")
    with pytest.raises(UnknownBackboneError):
        inside(snapshot, "foreign")


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not readable JSON"),
        ("[]", "should hold a mapping; got a list"),
        ('{"a": NaN}', "NaN is not a number"),
        (nested(MAX_DEPTH + 1), "nests more than"),
        (nested(100_000), "nests more than"),
        ('{"a": "' + "x" * MAX_BYTES + '"}', "has more than"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(UnknownBackboneError, match=said):
        read_json(tmp_path / "config.json")


def test_a_configuration_is_read_as_it_is(tmp_path: Path) -> None:
    content = json.loads(nested(MAX_DEPTH))
    (tmp_path / "config.json").write_text(json.dumps(content))
    assert read_json(tmp_path / "config.json") == content
    with pytest.raises(UnknownBackboneError, match="not readable JSON"):
        read_json(tmp_path / "missing.json")
