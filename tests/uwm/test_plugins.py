"""Plugins from files and from installed packages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.makers.packages import install
from uwm.errors import PluginError
from uwm.plugins import absolute, installed, load_class, load_plugin


def test_a_file_is_run_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("MADE = object()\n")
    first = load_plugin(f"{path}:MADE", "uwm.metrics")
    assert load_plugin(f"{path}:MADE", "uwm.metrics") is first
    path.write_text("MADE = 'other'\n")
    assert load_plugin(f"{path}:MADE", "uwm.metrics") == "other"


def test_a_change_within_the_same_second_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytecode that Python keeps is known to be of a file by the file's size and time alone."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "own.py"
    for value in (1, 2):
        path.write_text(f"MADE = {value}\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        assert load_plugin(f"{path}:MADE", "uwm.metrics") == value


def test_paths_are_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert absolute("sub/own.py:X", tmp_path) == f"{tmp_path}/sub/own.py:X"
    assert absolute("installed-name", tmp_path) == "installed-name"


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (None, "X", "cannot read the plugin"),
        ("Y = 1", "X", "defines no X"),
        ("1 / 0", "X", "fails when it is imported: ZeroDivisionError"),
        ("raise SystemExit(0)", "X", "fails when it is imported: SystemExit"),
        ("def X(:", "X", "fails when it is imported: SyntaxError"),
        ("X = '\\0'".replace("\\0", "\0"), "X", "fails when it is imported"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused(
    tmp_path: Path, content: str | None, name: str, said: str
) -> None:
    path = tmp_path / "own.py"
    if content is not None:
        path.write_text(content)
    before = set(sys.modules)
    for _ in range(2):  # what failed is not taken for loaded
        with pytest.raises(PluginError, match=said):
            load_plugin(f"{path}:{name}", "uwm.metrics")
    assert content == "Y = 1" or set(sys.modules) == before


def test_an_installed_package_offers_plugins_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "own_package", "MADE = 7\n", "[uwm.metrics]\nmade = own_package:MADE\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "made" in installed("uwm.metrics")
    assert load_plugin("made", "uwm.metrics") == 7
    with pytest.raises(PluginError, match=r"offers in uwm.metrics \(made\); got 'maed'"):
        load_plugin("maed", "uwm.metrics")


@pytest.mark.parametrize("code", ["1 / 0", "raise SystemExit(0)", "MAED = 7"])
def test_a_package_that_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    name = f"broken_package_{tmp_path.name.replace('-', '_')}"
    install(tmp_path, name, code, f"[uwm.metrics]\nmade = {name}:MADE\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=f"{name}:MADE cannot be imported"):
        load_plugin("made", "uwm.metrics")


class Base:
    """What the classes below derive from."""


@pytest.mark.parametrize(("name", "fits"), [("Mine", True), ("Other", False), ("VALUE", False)])
def test_a_class_is_of_the_kind_that_is_asked_for(tmp_path: Path, name: str, fits: bool) -> None:
    (tmp_path / "own.py").write_text(
        "from tests.uwm.test_plugins import Base\nclass Mine(Base): pass\n"
        "class Other: pass\nVALUE = 1\n"
    )
    if fits:
        assert issubclass(load_class(f"own.py:{name}", Base, tmp_path), Base)
    else:
        with pytest.raises(PluginError, match=r"not a subclass of tests\.uwm\.test_plugins\.Base"):
            load_class(f"own.py:{name}", Base, tmp_path)
