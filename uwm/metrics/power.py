"""What samples can show: the smallest paired change that a test finds most of the time."""

from __future__ import annotations

import math
from statistics import NormalDist

from uwm.metrics.intervals import LEVEL

POWER = 0.8
"""How often the change is to be found."""


def smallest_change(samples: float, discordant: float) -> float:
    """The smallest change of a share, in points, that samples show 4 times in 5 at the 95 % level.

    By the normal approximation of McNemar's test (Connor 1987): of `samples` answers a share
    `discordant` differs between the two models, and the change is what differs one way less what
    differs the other way. A change as large as all that differs is the most there can be; where it
    takes more, what is given is the change of a share that differs all one way.

    Args:
        samples: independent ones; pairs that share a picture are one.
        discordant: in (0, 1]. An edit that changes few answers shows smaller changes.

    Example:
        >>> round(smallest_change(1000, 0.1), 1), round(smallest_change(100, 0.1), 1)
        (2.8, 8.8)
    """
    tested = NormalDist().inv_cdf((1 + LEVEL) / 2)
    found = NormalDist().inv_cdf(POWER)

    def lacks(change: float, differs: float) -> bool:
        """Whether so large a change of what differs is found too seldom."""
        spread = math.sqrt(max(0.0, differs - change**2))
        return change * math.sqrt(samples) < tested * math.sqrt(differs) + found * spread

    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if lacks(middle, max(discordant, middle)):
            low = middle
        else:
            high = middle
    return 100 * high
