"""What a metric is, and several of them: their entries in the registry are made of these.

This module imports no torch: configurations are checked against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from uwm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from uwm.metrics.safeground import PairedEmbeddings

    Values: TypeAlias = Tensor | NDArray[np.generic]
    Outcome: TypeAlias = Callable[[PairedEmbeddings], Values | Mapping[str, Values]]

Group = Literal["safety", "knowledge", "other"]
PERCENT = "%"
ZEROSHOT_MEAN = "zero-shot mean"
"""The name of the row with the mean over zero-shot sets, in place of a data set's."""
TIMES = "times"
"""A column beside the outcomes of a zero-shot set: how often each sample counts."""
CLUSTER = "cluster"
"""A column beside the outcomes of a pair set whose rows share pictures: which rows are one unit."""
_NAME = re.compile(r"[A-Za-z0-9_@.-]+")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        name: in files, one word: letters, digits and `_`, `@`, `.`, `-`.
        label: in tables and plots.
        explain: what it measures, a plain sentence for the report.
        outcome: what computes it from `PairedEmbeddings`: a function, or `module:function`, which
            is imported when it is first called. It returns a value per quadruple, (samples,): bool,
            of which the share in percent is reported, or real numbers, of which the mean is. Or it
            returns a mapping that has such values under `name`; metrics that share a function share
            one call. None for those of zero-shot sets, which come from labels.
        group: what it says something about.
        data: what it is measured on.
        unit: of the figures; `PERCENT` for yes/no outcomes.
        range: the least and the greatest value, in that unit.
        higher_is_better: otherwise a rise counts as a fall does, and a floor as a ceiling.
        digits: after the point, in tables.
        alias: what configurations call it, where that is not `name`.
        policy: whether a policy may have rules for it.
        headline: whether it is a column of the summary.
        per_concept: whether it is measured concept by concept, too.
        over_time: whether the page of an audit's history draws it.
        goal: whether it enters the mean that stands for its group, where safety is set against
            knowledge: in findings, plots, choices, sweeps and searches.
        kept: whether the choice of a grid's point looks after it.
        claimed: whether a gain in it counts as one when a search's pick is compared with the
            paper's default.
        redirects: which queries a finding calls redirected where this rises, such as `texts`.

    Raises:
        InputError: an entry that cannot be: a name of several words, an empty range, or a real
            value among the figures whose mean is taken in percent.
    """

    name: str
    label: str
    explain: str
    outcome: Outcome | str | None
    group: Group = "other"
    data: Literal["pairs", "zero-shot"] = "pairs"
    unit: str = PERCENT
    range: tuple[float, float] = (0.0, 100.0)
    higher_is_better: bool = True
    digits: int = 1
    alias: str = ""
    policy: bool = True
    headline: bool = False
    per_concept: bool = False
    over_time: bool = False
    goal: bool = False
    kept: bool = False
    claimed: bool = False
    redirects: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in (TIMES, CLUSTER):
            raise InputError(
                "a metric's name is one word of letters, digits, `_`, `@`, `.` and `-`, and not "
                f"{TIMES!r} or {CLUSTER!r}; got {self.name!r}"
            )
        low, high = self.range
        if not low < high:
            raise InputError(f"the range of {self.name} is (least, greatest); got {self.range}")
        if (self.goal or self.kept or self.claimed) and not (
            self.unit == PERCENT and self.higher_is_better
        ):
            raise InputError(
                f"goals, kept and claimed metrics are averaged and compared in percent, more being "
                f"better; {self.name} is in {self.unit}. Leave these three False."
            )

    @property
    def rule_name(self) -> str:
        """What a policy's rule and a search's settings call it."""
        return self.alias or self.name

    @property
    def points(self) -> str:
        """The unit of its changes."""
        return "points" if self.unit == PERCENT else self.unit


@dataclass(frozen=True)
class Metrics:
    """The metrics of an audit, in the order of its tables.

    Raises:
        InputError: two have one name or one label.
    """

    entries: tuple[Metric, ...]

    def __post_init__(self) -> None:
        for what, names in (
            ("names", [metric.name for metric in self]),
            ("names", [metric.rule_name for metric in self]),
            ("labels", [metric.label for metric in self]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise InputError(
                    f"metrics have {what} of their own; these are taken: {', '.join(twice)}"
                )

    def __iter__(self) -> Iterator[Metric]:
        return iter(self.entries)

    def __getitem__(self, name: str) -> Metric:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def of(self, *, data: str) -> tuple[Metric, ...]:
        """Those that are measured on `pairs` or on `zero-shot` sets."""
        return tuple(metric for metric in self if metric.data == data)

    def goals(self, group: Group) -> tuple[Metric, ...]:
        """Those whose mean stands for a group."""
        return tuple(metric for metric in self if metric.goal and metric.group == group)

    @cached_property
    def headline(self) -> dict[str, str]:
        """The summary's metrics: names, and the labels of its columns."""
        return {metric.name: metric.label for metric in self if metric.headline}

    @cached_property
    def per_concept(self) -> tuple[str, ...]:
        """Names of what is measured concept by concept."""
        return tuple(metric.name for metric in self if metric.per_concept)

    @cached_property
    def changed(self) -> tuple[Metric, ...]:
        """Where an edit shows: the goals of safety, what is kept, and the goals of knowledge."""
        wanted = dict.fromkeys(self.goals("safety"))
        wanted |= dict.fromkeys(metric for metric in self if metric.kept and not metric.goal)
        return tuple(wanted | dict.fromkeys(self.goals("knowledge")))

    @cached_property
    def zeroshot(self) -> Metric:
        """The zero-shot accuracy that the summary shows."""
        return next(metric for metric in self.of(data="zero-shot") if metric.headline)

    @cached_property
    def by_rule_name(self) -> dict[str, Metric]:
        """What a policy may have rules for."""
        return {metric.rule_name: metric for metric in self if metric.policy}

    def label(self, name: str) -> str:
        """As tables call the metric; a name that is none of these stays as it is."""
        return self[name].label if name in self else name

    def with_entries(self, metrics: Iterable[Metric]) -> Metrics:
        """These and more, which are measured on pairs: columns before those of zero-shot sets."""
        return Metrics((*self.of(data="pairs"), *metrics, *self.of(data="zero-shot")))

    @cached_property
    def _by_name(self) -> dict[str, Metric]:
        return {metric.name: metric for metric in self}
