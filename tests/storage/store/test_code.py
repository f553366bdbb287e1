import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grimp
import pytest

from storage.store.code import NOT_DECISIVE, decisive_modules, digest_of, source_of

SOURCES = {
    "tasks.made": (
        '"""A stage."""\n'
        "from typing import TYPE_CHECKING\n"
        "import numpy as np\n"
        "from uwm.part.formula import f\n"
        "from uwm.errors import InputError\n"
        "if TYPE_CHECKING:\n"
        "    from uwm.part.types import T\n\n"
        "def run(x: T):\n"
        '    """Run."""\n'
        "    from uwm.part.late import g\n"
        "    return f(np.abs(x)) + g(x)  # a sum\n"
    ),
    "uwm.part.formula": "from uwm.part.deep import h\n\ndef f(x):\n    return h(x) + 1\n",
    "uwm.part.deep": "def h(x):\n    return 2 * x\n",
    "uwm.part.late": "def g(x):\n    return x\n",
    "uwm.part.types": "T = int\n",
    "uwm.errors": "from uwm.part.unused import x\nclass InputError(Exception): ...\n",
    "uwm.part.unused": "x = 1\n",
}
CHANGED = "\nCHANGED = 1\n"
Read = Callable[[str], str]


def digest(sources: Mapping[str, str] = SOURCES, stage: str = "tasks.made") -> str:
    return digest_of([stage], sources.__getitem__)


@pytest.mark.parametrize(
    "module", ["tasks.made", "uwm.part.formula", "uwm.part.deep", "uwm.part.late"]
)
def test_changed_code_changes_the_digest(module: str) -> None:
    assert digest({**SOURCES, module: SOURCES[module] + CHANGED}) != digest()


@pytest.mark.parametrize("module", ["uwm.errors", "uwm.part.unused", "uwm.part.types"])
def test_code_that_decides_no_byte_does_not(module: str) -> None:
    """Errors, what only these import, and what only a type checker imports."""
    assert digest({**SOURCES, module: SOURCES[module] + CHANGED}) == digest()


def test_comments_docstrings_layout_and_the_order_of_imports_do_not() -> None:
    lines = SOURCES["tasks.made"].splitlines(keepends=True)
    lines[3], lines[4] = lines[4], lines[3]
    stage = "".join(lines).replace('"""Run."""', '"""Another text."""').replace("# a sum", "#")
    formula = '"""A module."""\nfrom uwm.part.deep import h\ndef f(x): return (h(x)\n + 1)\n'
    assert digest({**SOURCES, "tasks.made": stage, "uwm.part.formula": formula}) == digest()


def renamed(old: str, new: str) -> dict[str, str]:
    return {name.replace(old, new): source.replace(old, new) for name, source in SOURCES.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("uwm.part.deep", "uwm.part.aardvark"),
        ("uwm.part.formula", "storage.elsewhere.formula"),
        ("uwm.part.late", "uwm.zoo"),
    ],
)
def test_a_module_that_is_renamed_or_moved_does_not(old: str, new: str) -> None:
    assert digest(renamed(old, new)) == digest()


def test_a_stage_that_is_renamed_or_moved_does_not() -> None:
    assert digest(renamed("tasks.made", "tasks.other"), "tasks.other") == digest()


def test_a_name_taken_from_another_module_changes_the_digest() -> None:
    modules = {"uwm.part.one": "def g(): return 1\n", "uwm.part.two": "def g(): return 2\n"}
    first, second = (
        {**modules, "tasks.made": f"from uwm.part.{a} import g\nfrom uwm.part.{b} import g as h\n"}
        for a, b in (("one", "two"), ("two", "one"))
    )
    assert digest(first) != digest(second)


def test_modules_that_import_each_other_are_told_apart() -> None:
    circle = {**SOURCES, "uwm.part.deep": "from uwm.part.formula import f\nh = len\n"}
    changed = {**circle, "uwm.part.deep": "from uwm.part.formula import f\nh = max\n"}
    assert digest(circle) != digest(changed)


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Path]:
    """A module loaded from a plain file that no package knows."""
    path = tmp_path / "plugin.py"
    path.write_text("from uwm.method.scoring import WeightScore\n\nclass Mine(WeightScore): ...\n")
    spec = importlib.util.spec_from_file_location("a_plugin_of_mine", path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["a_plugin_of_mine"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield path
    del sys.modules["a_plugin_of_mine"]


def test_a_plain_file_has_a_digest_of_its_content_and_of_what_it_imports(plugin: Path) -> None:
    names = ["a_plugin_of_mine"]
    before = digest_of(names)
    assert {"a_plugin_of_mine", "uwm.method.scoring"} <= decisive_modules(names)
    assert digest_of(names, changing("uwm.method.scoring")) != before
    plugin.write_text("# mine\n" + plugin.read_text())
    assert digest_of(names) == before
    plugin.write_text(plugin.read_text() + CHANGED)
    assert digest_of(names) != before


def changing(module: str, read: Read = source_of) -> Read:
    """Sources as they are, but for a module whose code changed."""
    return lambda name: read(name) + CHANGED * (name == module)


def test_every_reason_is_about_a_module_that_there_is() -> None:
    graph = grimp.build_graph("tasks", "storage", "uwm", cache_dir=None)
    assert {*NOT_DECISIVE} <= graph.modules
