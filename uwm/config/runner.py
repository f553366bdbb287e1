"""Where an audit's tasks run. It is part of no artifact's digest and changes no result."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from uwm.config.settings import Settings

RunnerKind = Literal["threads", "processes", "dask"]


class Runner(Settings):
    """What runs the stages of each backbone."""

    kind: RunnerKind = "threads"
    workers: int | None = Field(
        None, ge=1, le=1024, description="concurrent task runs, per backbone; dask: in all"
    )
    dask_address: str | None = Field(
        None,
        pattern=r"^[a-z]+://\S+$",
        description="address of a running Dask scheduler; by default a local cluster is started",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dask_address is not None and self.kind != "dask":
            raise ValueError(f"`dask_address` needs the runner dask; this runner is {self.kind}")
        if self.dask_address is not None and self.workers is not None:
            raise ValueError(
                "`workers` cannot be set with `dask_address`: the running cluster decides how many"
            )
        return self
