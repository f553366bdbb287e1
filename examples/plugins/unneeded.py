"""A method of one's own on the statistics that an audit captures: unsafe weights nobody needs.

```yaml
methods:
  - {kind: examples/plugins/unneeded.py:Unneeded, tau: 0.02, spared: 0.1}
```

The paper's score, but for the weights that carry the most safe content: those are spared. The class
has the method's settings and states what it requests; the score is fed the stored statistics of
paired samples. Nothing is captured that is there already, and nothing else has to be told of it.
"""

from pydantic import Field
from torch import Tensor

from uwm.config.methods.base import GridMethod
from uwm.config.methods.requests import OwnCode, Selection, StatisticsScore
from uwm.config.settings import Name, Share
from uwm.config.towers import EditedRoles, PerTower, Roles, Shares
from uwm.families import Tower
from uwm.method.scoring import WeightScore
from uwm.method.selection import select_count
from uwm.method.statistics import Activations


class Unneeded(GridMethod):
    """UWM without the share `spared` of a layer's weights that are most salient on safe content."""

    name: Name = "unneeded"
    tau: Shares = (0.02,)
    spared: Share = Field(0.1, description="share of each layer's weights that no edit touches")
    roles: EditedRoles = PerTower[Roles](image=("fc2",), text=("out",))

    @property
    def shares(self) -> Shares:
        return self.tau

    def request(self, tower: Tower) -> StatisticsScore:
        score = OwnCode.of(f"{__file__}:UnneededScore", spared=self.spared)
        return StatisticsScore("weight", score)

    def selected_by(self, tower: Tower) -> Selection:
        return Selection("mass")


class UnneededScore:
    """Eq. 10 where safe content can do without the weight, and 0 where it cannot.

    Args:
        weight: (out, in), the layer's weight before any edit.
        spared: share of the weights that get 0: those with the largest mean flow of safe samples.
    """

    def __init__(self, weight: Tensor, spared: float) -> None:
        self._unsafe = WeightScore(weight, "ratio")
        self._safe = WeightScore(weight, "unsafe_only")  # fed safe samples in place of unsafe ones
        self._spared = spared

    @property
    def samples(self) -> int:
        return self._unsafe.samples

    def update(self, safe: Activations, unsafe: Activations) -> None:
        """Add paired samples, in portions of any size."""
        self._unsafe.update(safe, unsafe)
        self._safe.update(safe, safe)

    def result(self) -> Tensor:
        """Scores, float32 (out, in)."""
        score = self._unsafe.result()
        score.view(-1)[select_count(self._safe.result(), self._spared)] = 0
        return score
