"""A method of one's own with a computation of its own: nodes whose mean moves on unsafe content.

```yaml
methods:
  - {kind: examples/plugins/mean_shift.py:MeanShift, share: 0.05, alpha: 0}
```

The statistics that an audit captures have no signs. This method asks for scores that
`mean_shift_scores.py`, beside this file, computes from what the tower reads.
"""

from pathlib import Path

from uwm.config.methods.base import GridMethod
from uwm.config.methods.requests import ComputedScore, OwnCode, Selection
from uwm.config.settings import Name
from uwm.config.towers import EditedRoles, MethodFactors, PerTower, Roles, Shares
from uwm.families import Tower


class MeanShift(GridMethod):
    """Silences input nodes whose mean activation differs most between the partitions."""

    name: Name = "mean_shift"
    alpha: MethodFactors = (0.0,)
    share: Shares = (0.05,)
    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("fc2",))

    @property
    def shares(self) -> Shares:
        return self.share

    def request(self, tower: Tower) -> ComputedScore:
        beside = Path(__file__).with_name("mean_shift_scores.py")
        return ComputedScore("node", OwnCode.of(f"{beside}:mean_shift"))

    def selected_by(self, tower: Tower) -> Selection:
        return Selection("nodes", "tower")
