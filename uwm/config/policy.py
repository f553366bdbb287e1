"""When an audit has regressed: rules, and the kept audit that it is compared with."""

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
    """A limit on one metric, broken when the value falls too far or is too low.

    It falls too far if the fall since the baseline exceeds `max_fall` by more than noise explains,
    see `uwm.metrics.changes`. It is too low if the value is below `floor`. For a metric of which
    lower is better, a rise counts as a fall and `floor` is a ceiling. A rule without `methods`,
    `backbones` or `datasets` applies to all of them: every method that is not a control, every
    backbone, every benchmark; for zero-shot accuracy, to the mean over the sets.
    """

    metric: str
    max_fall: float | None = Field(
        None, ge=0, description="largest allowed fall, in the metric's unit"
    )
    floor: float | None = Field(None, description="lowest allowed value, in the metric's unit")
    methods: tuple[str, ...] = ()
    backbones: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if self.max_fall is None and self.floor is None:
            raise ValueError("a rule needs `max_fall` or `floor`, in the unit of its metric")
        return self


class Policy(Settings):
    """The rules by which an audit has regressed against a kept one."""

    rules: tuple[Rule, ...] = Field(min_length=1)
    against: Literal["last"] | AwareDatetime = Field(
        "last",
        description="the baseline: the `last` accepted audit of this name, or the time at which "
        "another one was kept",
    )
    level: float = Field(
        0.05, gt=0, lt=0.5, description="family-wise error rate of the tests for falls"
    )

    @property
    def when(self) -> datetime | None:
        return None if self.against == "last" else self.against

    def check(self, metrics: Metrics) -> None:
        """Check the rules against the metrics of an audit.

        Raises:
            ValidationError: a rule names an unknown metric, or its limit is outside the metric's
                range. Every such rule is reported with its location in the file.
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
    """The invalid fields of a rule, each with the reason."""
    known = metrics.by_rule_name
    if rule.metric not in known:
        near = difflib.get_close_matches(rule.metric, known, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        yield "metric", f"the metric must be one of {', '.join(known)}{meant}"
        return
    metric = known[rule.metric]
    low, high = metric.range
    if rule.floor is not None and not low <= rule.floor <= high:
        yield "floor", f"{rule.metric} lies between {low:g} and {high:g}; got {rule.floor:g}"
    if rule.max_fall is not None and rule.max_fall > high - low:
        yield (
            "max_fall",
            f"{rule.metric} can fall by at most {high - low:g}; got {rule.max_fall:g}",
        )
