"""Pages: one template below `templates` each, all of them built on `base.html.j2`.

A page is one file that loads nothing else. Its policy (CSP) lets no script run but those that
templates bring: each carries a nonce that is made of the page's own bytes. It embeds plotly, which
makes it 4.8 MB, because a report is mailed, is kept beside its model, and must still draw its plots
years later on a machine without a network. All values are escaped; a missing value is an error.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from flows.results.wording import plural, rounded, signed

_TEMPLATES = Environment(
    loader=PackageLoader("flows.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
NONCE = secrets.token_hex(16)
"""Stands for a page's nonce until the page is whole; no text of anyone's can know it."""
_TEMPLATES.filters |= {"rounded": rounded, "signed": signed}
_TEMPLATES.globals |= {"plotly": get_plotlyjs, "plural": plural, "nonce": NONCE}


def write_page(path: Path, template: str | Path, **values: Any) -> None:
    """Write a page, and the folders above it; the same values give the same bytes.

    Args:
        template: as in `render`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A half of a surrogate pair, which no file can hold, becomes a question mark.
    page = render(template, **values).encode("utf-8", "replace").decode()
    nonce = hashlib.sha256(page.replace(NONCE, "").encode()).hexdigest()
    path.write_text(page.replace(NONCE, nonce), encoding="utf-8")


def render(template: str | Path, **values: Any) -> str:
    """The page, or the part of one, that a template makes of values.

    Args:
        template: a name below `flows/report/templates`, without `.html.j2`, or the path of a file
            that lies elsewhere; either may import `macros.html.j2`.
    """
    if isinstance(template, Path):
        return _TEMPLATES.from_string(template.read_text(encoding="utf-8")).render(**values)
    return _TEMPLATES.get_template(f"{template}.html.j2").render(**values)
