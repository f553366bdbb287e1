"""Code of one's own in a spec: by its content and settings, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.own_code import OwnCodeSpec
from uwm.config.methods.requests import OwnCode
from uwm.errors import PluginError


def test_content_and_settings_are_what_it_is(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    for file in (first, second):
        file.write_text("def own(x):\n    return x\n")
    here = OwnCodeSpec.of(OwnCode.of(f"{first}:own", a=1, b="x"))
    there = OwnCodeSpec.of(OwnCode.of(f"{second}:own", b="x", a=1))
    assert here.model_dump() == there.model_dump()
    assert "first" not in here.model_dump_json()
    other = OwnCodeSpec.of(OwnCode.of(f"{first}:own", a=2, b="x"))
    assert other.model_dump() != here.model_dump()
    assert here.checked() == OwnCode.of(f"{first}:own", a=1, b="x")
    first.write_text("def own(x):\n    return 2 * x\n")
    with pytest.raises(PluginError, match="has changed since"):
        here.checked()
    assert OwnCodeSpec.of(OwnCode.of(f"{first}:own", a=1, b="x")).code != here.code


def test_code_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="cannot read the plugin"):
        OwnCodeSpec.of(OwnCode.of(f"{tmp_path}/none.py:own"))
