"""What the controls of other methods have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from uwm.config.methods.base import Method
from uwm.config.methods.requests import Draw


class Control(Method):
    """Edits of the same size as another method's, made without the information that it uses.

    A control is measured on the first benchmark and the zero-shot sets, like the method that it
    controls. Its name begins with its kind.
    """

    of_selections: ClassVar[bool] = True
    """Whether it is for methods that select weights, not for those that edit whole layers."""
    of: str = Field(description="name of the method to control")

    @property
    def name(self) -> str:
        return f"{self.kind} {self.of}"

    @property
    def refers_to(self) -> tuple[str, ...]:
        return (self.of,)

    @property
    def control(self) -> Control:
        return self

    @property
    @abstractmethod
    def draws(self) -> Sequence[Draw]:
        """How each of its edits is made."""
