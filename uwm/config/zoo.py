"""Many backbones by one entry of `backbones:`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from uwm.config.settings import File, Folder, Settings


class Zoo(Settings):
    """Every model in a folder, or the entries of a list in another file; both may grow.

    It is looked through each time the audit's file is read; an audit holds the backbones found.
    """

    kind: Literal["zoo"]
    folder: Folder | None = Field(None, description="its subfolders are backbones, by their names")
    list: File | None = Field(None, description="a YAML list of entries as under `backbones:`")
    include: tuple[str, ...] = Field(("*",), description="patterns of subfolders' names")
    exclude: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.folder is None) == (self.list is None):
            raise ValueError("a zoo is either a `folder` of models or a `list` in a file")
        if self.list is not None and {"include", "exclude"} & self.model_fields_set:
            raise ValueError("`include` and `exclude` are for a zoo's `folder`; edit the list")
        return self
