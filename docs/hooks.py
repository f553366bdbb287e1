"""What the site has beyond docs/: pages of the repository's root, and an API reference.

A hook of MkDocs. Links to files that are not pages of the site become plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import uwm

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages of the repository's root by what the site calls them."""
LAYERS = ("uwm", "storage", "tasks", "flows")
_LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\(([^)\s]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The navigation, with the generated pages at its end."""
    packages: list[Any] = [{name: f"reference/{name}.md"} for name in packages_of_all_layers()]
    config["nav"] += [
        {"Reference": [{"Python": "reference/index.md"}, *packages]},
        {
            "Project": [
                {"Architecture": "architecture.md"},
                {"Contributing": "contributing.md"},
                {"Extending": "extending.md"},
                {"Changelog": "changelog.md"},
            ]
        },
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The generated pages beside those of docs/."""
    for source, page in ROOT_PAGES.items():
        text = (ROOT / source).read_text().replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    names = "\n".join(f"::: uwm.{name}" for name in uwm.__all__)
    front = f"# The names of `import uwm`\n\n{names}\n"
    files.append(File.generated(config, "reference/index.md", content=front))
    for package, modules in packages_of_all_layers().items():
        listed = "\n".join(f"::: {module}" for module in modules)
        page = f"# {package}\n\n{listed}\n"
        files.append(File.generated(config, f"reference/{package}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links that lead to a page of the site; other files of the repository are named only."""

    def lead(match: re.Match[str]) -> str:
        text, target = match[1], match[2].removeprefix("../")
        place, _, part = target.partition("#")
        if "://" in target or not place or place.startswith("mailto:"):
            return match[0]
        if place in ROOT_PAGES:
            place = ROOT_PAGES[place]
        if files.get_file_from_path(place) is None:
            return text
        return f"[{text}]({place}{'#' * bool(part)}{part})"

    return markdown if page.file.src_uri.startswith("reference/") else _LINK.sub(lead, markdown)


def packages_of_all_layers() -> dict[str, list[str]]:
    """The modules of each package, itself first, without those that only generate the demo."""
    found: dict[str, list[str]] = {}
    for module in _modules():
        parts = module.split(".")
        package = ".".join(parts[:2]) if (ROOT.joinpath(*parts[:2])).is_dir() else parts[0]
        if package != "uwm.demo":
            found.setdefault(package, []).append(module)
    return found


def _modules() -> Iterator[str]:
    for layer in LAYERS:
        for file in sorted((ROOT / layer).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            if not file.name.startswith("_") or file.name == "__init__.py":
                yield name.removesuffix(".__init__")
