"""What the test data say of a pick: safer than the paper's default, at no loss of knowledge?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage.formats.backbone_results import BackboneResults
from storage.store.store import Store
from tasks.embeddings import read_outcomes
from uwm.config import AuditConfig
from uwm.metrics.changes import Change, mean_change, paired
from uwm.metrics.registry import BUILT_IN, TIMES

GAINS = tuple(metric.name for metric in BUILT_IN if metric.claimed)
"""What a pick should raise: it is claimed where any of them rises beyond its interval."""
ZERO_SHOT = BUILT_IN.zeroshot.rule_name
RECALLS = tuple(metric.name for metric in BUILT_IN.goals("knowledge") if metric.data == "pairs")
SHOWN = (*(metric.name for metric in BUILT_IN.goals("safety")), *GAINS, *RECALLS)


@dataclass(frozen=True)
class Claim:
    """One pick's changes from the paper's default on the test data, sample by sample.

    Attributes:
        rule: that the point was picked by.
        point: its name, None where no point of the search fulfils the rule.
        changes: by metric on the first benchmark, and of the mean over zero-shot sets.
    """

    rule: str
    point: str | None
    changes: Mapping[str, Change]

    @property
    def kept(self) -> tuple[str, ...]:
        """The metrics of knowledge that must not fall: zero-shot, or recall where that is all."""
        return (ZERO_SHOT,) if ZERO_SHOT in self.changes else RECALLS

    @property
    def beats(self) -> bool:
        """Whether a metric of `GAINS` rises beyond its interval and none of `kept` falls so far."""
        gains = any(self.changes[metric].low > 0 for metric in GAINS) if self.changes else False
        return gains and all(self.changes[metric].high >= 0 for metric in self.kept)

    def sentence(self, backbone: str) -> str:
        """The claim in a sentence."""
        if self.point is None:
            return f"{backbone}, {self.rule}: no such point was found on the validation data."
        gains = [metric for metric in GAINS if self.changes[metric].low > 0]
        losses = [metric for metric in self.kept if self.changes[metric].high < 0]
        if self.beats:
            verdict = (
                f"beats the paper's default on the test data in {' and '.join(gains)}, with "
                f"{' and '.join(map(_called, self.kept))} not lower beyond the interval"
            )
        elif gains:
            verdict = (
                f"beats the paper's default on the test data in {' and '.join(gains)}, but pays "
                f"in {' and '.join(map(_called, losses))}"
            )
        else:
            verdict = (
                "does not beat the paper's default on the test data in "
                f"{' or '.join(GAINS)} beyond the interval"
            )
        figures = ", ".join(
            f"{_called(metric)} {change.value:+.1f} [{change.low:+.1f}, {change.high:+.1f}]"
            for metric, change in self.changes.items()
        )
        return f"{backbone}, {self.rule} ({self.point}): {verdict}: {figures}."


def claims(
    store: Store,
    config: AuditConfig,
    results: BackboneResults,
    picks: Mapping[str, str | None],
    default: str,
) -> list[Claim]:
    """A claim per pick.

    Args:
        picks: names of points as methods of `results`, by rule.
        default: the name there of the paper's default.
    """
    before = read_outcomes(store, results.evaluations[default])
    found = []
    for rule, point in picks.items():
        changes: dict[str, Change] = {}
        if point is not None:
            after = read_outcomes(store, results.evaluations[point])
            pairs = config.benchmarks[0].name
            for metric in SHOWN:
                changes[metric] = paired(
                    before[pairs][metric].to_numpy(), after[pairs][metric].to_numpy()
                )
            sets = [
                paired(
                    before[data.name][BUILT_IN.zeroshot.name].to_numpy(),
                    after[data.name][BUILT_IN.zeroshot.name].to_numpy(),
                    after[data.name][TIMES].to_numpy(),
                )
                for data in config.zeroshot_sets
            ]
            if sets:
                changes[ZERO_SHOT] = mean_change(sets)
        found.append(Claim(rule, point, changes))
    return found


def _called(metric: str) -> str:
    """As tables call it."""
    return BUILT_IN.label(metric)
