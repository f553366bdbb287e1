"""Pages: one template below `templates` each, all of them built on `base.html.j2`.

A page is one file that loads nothing else. It embeds plotly, which makes it 4.8 MB, because a
report is mailed, is kept beside its model, and must still draw its plots years later on a machine
without a network. All values are escaped; a missing value is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from flows.results.wording import plural

_TEMPLATES = Environment(
    loader=PackageLoader("flows.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals |= {"plotly": get_plotlyjs, "plural": plural}


def write_page(path: Path, template: str | Path, **values: Any) -> None:
    """Write a page, and the folders above it; the same values give the same bytes.

    Args:
        template: as in `render`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(template, **values), encoding="utf-8")


def render(template: str | Path, **values: Any) -> str:
    """The page, or the part of one, that a template makes of values.

    Args:
        template: a name below `flows/report/templates`, without `.html.j2`, or the path of a file
            that lies elsewhere; either may import `macros.html.j2`.
    """
    if isinstance(template, Path):
        return _TEMPLATES.from_string(template.read_text(encoding="utf-8")).render(**values)
    return _TEMPLATES.get_template(f"{template}.html.j2").render(**values)
