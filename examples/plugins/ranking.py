"""A section of the report of one's own: which methods did best on one metric.

```yaml
sections:
  - {kind: examples/plugins/ranking.py:Ranking, metric: P_t_u}
```

Its settings are fields, as those of every part of an audit's file: checked, and told with the line
where they are wrong. The template of the same name beside this file says how the section looks.
"""

from collections.abc import Hashable
from typing import Any, ClassVar

from flows.results.table import AuditResults
from flows.sections import Section
from uwm.config import AuditConfig
from uwm.errors import InputError


class Ranking(Section):
    """Methods from the best to the worst on the audit's first benchmark, per backbone."""

    key: ClassVar[str] = "ranking"
    metric: str = "P_t_u"
    top: int = 3

    def check(self, config: AuditConfig) -> None:
        if self.metric not in config.measured:
            raise InputError(f"the ranking is by a metric of the audit; got {self.metric!r}")

    def ranked(self, results: AuditResults) -> dict[str, list[dict[Hashable, Any]]]:
        """Per backbone the best methods, a record of `method`, `value`, `low`, `high` each."""
        metric = results.metrics[self.metric]
        rows = results.whole
        rows = rows[
            (rows["metric"] == metric.name)
            & (rows["dataset"] == results.benchmark)
            & rows["control_of"].isna()
        ].sort_values("value", ascending=not metric.higher_is_better, kind="stable")
        shown = ["method", "value", "low", "high"]
        best = {backbone: rows[rows["backbone"] == backbone] for backbone in results.backbones}
        return {name: part[shown].head(self.top).to_dict("records") for name, part in best.items()}

    def sentences(self, results: AuditResults) -> list[str]:
        return [
            f"{backbone}: the best {self.metric} is that of {methods[0]['method']}, "
            f"{methods[0]['value']:.1f} %."
            for backbone, methods in self.ranked(results).items()
        ]

    def html(self, results: AuditResults) -> str:
        metric = results.metrics[self.metric]
        return self.render(metric=metric, ranked=self.ranked(results))
