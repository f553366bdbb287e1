"""What an audit must not fall below: rules, and the kept audit that it is compared with."""

from __future__ import annotations

import difflib
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from uwm.config.settings import Settings

ZERO_SHOT = "zero-shot"
POLICY_METRICS = (
    *("P_t_s", "P_t_u", "P_v_s", "P_v_u", "Txt_s", "Img_s", "PS", "PU", "GS"),
    *(
        f"{search}_R@{k}"
        for search in (
            *("text_to_image", "image_to_text"),
            *("unsafe_text_to_union", "unsafe_image_to_union"),
        )
        for k in (1, 5, 10, 20)
    ),
    ZERO_SHOT,
)
"""SafeGround's, the recalls, and zero-shot top-1 accuracy."""


def _known(metric: str) -> str:
    if metric not in POLICY_METRICS:
        near = difflib.get_close_matches(metric, POLICY_METRICS, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"a metric is one of {', '.join(POLICY_METRICS)}{meant}")
    return metric


class Rule(Settings):
    """A limit to one metric. It breaks when the value falls too far, or lies too low.

    Too far: the fall since the baseline is above `max_fall` beyond noise, see
    `uwm.metrics.changes`. Too low: the value itself is below `floor`. What is not named means all:
    methods but random controls, backbones, benchmarks; for zero-shot the mean over sets.
    """

    metric: Annotated[str, AfterValidator(_known)]
    max_fall: float | None = Field(None, ge=0, le=100, description="in percentage points")
    floor: float | None = Field(None, ge=0, le=100, description="in percent")
    methods: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.max_fall is None and self.floor is None:
            raise ValueError("a rule needs `max_fall` (points) or `floor` (percent)")
        return self


class Policy(Settings):
    """When an audit has regressed against a kept one."""

    rules: tuple[Rule, ...] = Field(min_length=1)
    against: Literal["last"] | AwareDatetime = Field(
        "last", description="the last accepted audit of this name, or the one kept at that time"
    )
    level: float = Field(
        0.05, gt=0, lt=0.5, description="chance of any false alarm about falls, over all rules"
    )

    @property
    def when(self) -> datetime | None:
        return None if self.against == "last" else self.against
