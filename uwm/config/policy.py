"""What an audit must not fall below: rules, and the kept audit that it is compared with."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from uwm.config.metrics import refuse
from uwm.config.settings import Settings
from uwm.metrics.registry import Metrics


class Rule(Settings):
    """A limit to one metric. It breaks when the value falls too far, or lies too low.

    Too far: the fall since the baseline is above `max_fall` beyond noise, see
    `uwm.metrics.changes`. Too low: the value itself is below `floor`. Of a metric that is better
    when it is lower, a rise counts as a fall and `floor` is a ceiling. What is not named means all:
    methods but random controls, backbones, benchmarks; for zero-shot the mean over sets.
    """

    metric: str
    max_fall: float | None = Field(None, ge=0, description="in points of the metric's unit")
    floor: float | None = Field(None, description="in the metric's unit, mostly percent")
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

    def check(self, metrics: Metrics) -> None:
        """Hold the rules against the metrics that an audit has.

        Raises:
            ValidationError: a rule is for none of them, or its limit lies outside of the metric's
                range; every such rule with its place in the file.
        """
        refuse(
            "policy",
            [
                (("rules", index, field), wrong, getattr(rule, field))
                for index, rule in enumerate(self.rules)
                for field, wrong in _problems(rule, metrics)
            ],
        )


def _problems(rule: Rule, metrics: Metrics) -> Iterator[tuple[str, str]]:
    """Fields of a rule that cannot be, each with why."""
    known = metrics.by_rule_name
    if rule.metric not in known:
        near = difflib.get_close_matches(rule.metric, known, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        yield "metric", f"a metric is one of {', '.join(known)}{meant}"
        return
    metric = known[rule.metric]
    low, high = metric.range
    if rule.floor is not None and not low <= rule.floor <= high:
        yield "floor", f"{rule.metric} lies between {low:g} and {high:g}; got {rule.floor:g}"
    if rule.max_fall is not None and rule.max_fall > high - low:
        yield "max_fall", f"{rule.metric} falls by at most {high - low:g}; got {rule.max_fall:g}"
