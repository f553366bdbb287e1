"""Many backbones in one entry of `backbones:`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from uwm.config.settings import File, Folder, Settings


class Zoo(Settings):
    """Every model in a folder, or the entries of a list in another file; both may grow.

    The entry is expanded each time the audit's file is read, so an audit holds single backbones.
    """

    kind: Literal["zoo"]
    folder: Folder | None = Field(None, description="its subfolders are backbones")
    list: File | None = Field(None, description="a YAML list of entries as under `backbones:`")
    include: tuple[str, ...] = Field(("*",), description="patterns of names of subfolders")
    exclude: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.folder is None) == (self.list is None):
            raise ValueError("a zoo needs either a `folder` of models or a `list` file, not both")
        if self.list is not None and {"include", "exclude"} & self.model_fields_set:
            raise ValueError(
                "`include` and `exclude` apply only to the `folder` of a zoo; edit the list instead"
            )
        return self
