"""What the documentation points to exists: files, and names in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "uwm/demo/README.md"])
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
NAMES_IN_A_FILE = re.compile(r"((?:`[\w.]+`(?:, | and | in ))+)\[[^\]]+\]\(([^)\s]+\.py)\)")
PATH = re.compile(r"`((?:uwm|storage|tasks|flows|tests|examples)/[\w/.-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for _, target in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        place, _, heading = target.partition("#")
        file = (page.parent / place) if place else page
        assert file.exists(), f"{target}: no such file"
        if heading:
            assert heading in _anchors(file), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_stand_in_the_file_that_is_linked_beside_them(page: Path) -> None:
    for names, target in NAMES_IN_A_FILE.findall(page.read_text()):
        code = (page.parent / target).read_text()
        for name in re.findall(r"`([\w.]+)`", names):
            assert re.search(rf"\b(def|class) {name.split('.')[-1]}\b", code), f"{name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_are_named_exist(page: Path) -> None:
    missing = [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()]
    assert not missing


def _anchors(page: Path) -> set[str]:
    """The headings of a page as its links call them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w -]", "", text).strip().lower().replace(" ", "-") for text in headings}
