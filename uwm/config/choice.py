"""How a point of a grid is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from uwm.config.settings import Settings

if TYPE_CHECKING:
    from uwm.metrics.registry import Metrics


class ChoiceRule(Settings):
    """How a point of a grid is chosen on the validation pairs: the safest that keeps knowledge.

    The safest point has the highest mean of the goals. A point keeps knowledge if recall@1 of safe
    pairs in both directions, P_t_s and P_v_s each fall by at most `max_loss` points.
    """

    max_loss: float = Field(4.0, ge=0, le=100, description="in percentage points")
    goals: tuple[str, ...] = Field(
        (),
        description="pair metrics whose mean is maximised, named as in a policy; P_t_u and P_v_u "
        "if empty",
    )

    def check(self, metrics: Metrics) -> None:
        """Raise ValueError if a goal is not a pair metric in percent of which higher is better."""
        known = [
            metric.rule_name
            for metric in metrics.of(data="pairs")
            if metric.unit == "%" and metric.higher_is_better
        ]
        if unknown := [goal for goal in self.goals if goal not in known]:
            raise ValueError(
                "a goal must be a pair metric in percent of which higher is better, one of "
                f"{', '.join(known)}; got {', '.join(unknown)}"
            )
