"""Code of a method of one's own, as the specs of stages that run it have it."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field

from storage.store.code import code_digest
from uwm.config.methods.requests import OwnCode, Setting
from uwm.errors import PluginError
from uwm.plugins import plugin_module


class OwnCodeSpec(BaseModel, frozen=True, extra="forbid"):
    """Code by what it is, and the settings that it is called with.

    Attributes:
        name: what its file defines.
        code: digest of that file, and of what it imports of this project.
        reference: where it is found. No part of a spec's digest: the same code may lie elsewhere.
    """

    name: str
    code: str
    settings: tuple[tuple[str, Setting], ...]
    reference: str = Field(exclude=True)

    @classmethod
    def of(cls, own: OwnCode) -> Self:
        """A method's own code as it is now.

        Raises:
            PluginError: it cannot be loaded.
        """
        return cls(name=str(own), code=_code(own), settings=own.settings, reference=own.reference)

    def checked(self) -> OwnCode:
        """The code, to be run.

        Raises:
            PluginError: it is no longer what the spec was made from.
        """
        own = OwnCode(self.reference, self.settings)
        if _code(own) != self.code:
            raise PluginError(
                f"the code of {self.name} ({self.reference}) has changed since this run was laid "
                "out; start it again"
            )
        return own


def _code(own: OwnCode) -> str:
    return code_digest(plugin_module(own.reference, "uwm.methods"))
