"""Pages: templates beside the code, one environment for all of them, everything escaped."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=PackageLoader("flows.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """The page, or the part of one, that a template of `flows/report/templates` makes of values."""
    return _TEMPLATES.get_template(f"{template}.html.j2").render(**values)
