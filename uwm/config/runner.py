"""Where an audit's task runs go; no part of any address, and of no result."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from uwm.config.settings import Settings

RunnerKind = Literal["threads", "processes", "dask"]


class Runner(Settings):
    """What runs the stages of each backbone."""

    kind: RunnerKind = "threads"
    workers: int | None = Field(
        None, ge=1, le=1024, description="task runs of a backbone at a time; dask: of all of them"
    )
    dask_address: str | None = Field(
        None,
        pattern=r"^[a-z]+://\S+$",
        description="of a scheduler; else a cluster is started here",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dask_address is not None and self.kind != "dask":
            raise ValueError(f"a Dask address is for the runner dask; this one is {self.kind}")
        if self.dask_address is not None and self.workers is not None:
            raise ValueError("a Dask cluster that runs already has its own number of workers")
        return self
