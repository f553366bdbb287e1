"""What an artifact is: everything that decides its bytes."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, ClassVar

from pydantic import BaseModel, model_validator

from storage.store.code import code_digest


class Spec(BaseModel, frozen=True, extra="forbid"):
    """Everything that can change an artifact's bytes, and nothing that cannot.

    Attributes:
        kind: what sort of artifact, the name of its folder in the store.
        resumable: whether a draft that a killed writer left is taken up, rather than begun anew.
        code: digest of the code that computes it; of the module that defines the spec unless it is
            given, see `storage.store.code`.
    """

    kind: ClassVar[str]
    resumable: ClassVar[bool] = False
    code: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_its_module(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "code" not in fields:
            return {"code": code_digest(cls.__module__), **fields}
        return fields

    @cached_property
    def digest(self) -> str:
        """The artifact's address: SHA-256 over kind and fields."""
        text = json.dumps({"kind": self.kind, **self.model_dump(mode="json")}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def __str__(self) -> str:
        return f"{self.kind}/{self.digest}"
