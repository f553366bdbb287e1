import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.store import code
from storage.store.code import code_digest

STAGE = "from uwm_part.formula import f\n\n\ndef run():\n    return f(1)\n"
FORMULA = "def f(x):\n    return x + 1\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A method package `uwm_part` and a stage that imports one of its two modules."""
    root = tmp_path / "uwm_part"
    root.mkdir()
    (root / "__init__.py").touch()
    (root / "formula.py").write_text(FORMULA)
    (root / "unused.py").write_text("y = 1\n")
    (tmp_path / "stage_part.py").write_text(STAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(code, "_METHOD", "uwm_part")
    code_digest.cache_clear()
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("uwm_part")]:
        del sys.modules[name]
    code_digest.cache_clear()


def digest() -> str:
    code_digest.cache_clear()
    return code_digest("stage_part")


def test_changed_code_changes_the_digest(package: Path) -> None:
    before = digest()
    (package / "uwm_part" / "formula.py").write_text(FORMULA.replace("+", "-"))
    changed = digest()
    (package / "stage_part.py").write_text(STAGE.replace("f(1)", "f(2)"))
    assert len({before, changed, digest()}) == 3


def test_comments_docstrings_and_layout_do_not(package: Path) -> None:
    before = digest()
    commented = '"""A module."""\n\ndef f(x):\n    """Add."""\n    # one\n    return (x\n + 1)\n'
    (package / "uwm_part" / "formula.py").write_text(commented)
    assert digest() == before


def test_modules_that_a_stage_does_not_import_do_not(package: Path) -> None:
    before = digest()
    (package / "uwm_part" / "unused.py").write_text("y = 2\n")
    assert digest() == before


def test_the_capture_does_not_depend_on_scoring_rules() -> None:
    from storage.store.code import _closure

    reached = _closure(("tasks.capture",))
    assert {
        "uwm.method.statistics",
        "uwm.method.observe",
        "uwm.method.capture",
        "uwm.backbones.backbone",
    } <= reached
    assert not reached & {
        "uwm.method.scoring",
        "uwm.method.selection",
        "uwm.method.editing",
        "uwm.metrics.evaluation",
    }
    assert {"uwm.method.scoring"} <= _closure(("tasks.score",))
