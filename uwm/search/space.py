"""A search for better trade-offs: what may be varied, what counts as better, and what is picked.

A point is an edit method with a share and a factor per layer, or None, which is the original. It is
measured by two figures in percent, safety and knowledge; more of either is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from uwm.config import Family, Layerwise, PerTower
from uwm.config.towers import DEFAULT_PRIORS
from uwm.families import TOWERS, Tower

Point = Layerwise | None
NONE = "none"
"""The role of a tower that is left alone."""


class FamilySpace(BaseModel, frozen=True, extra="forbid"):
    """What may vary in one family on one backbone.

    Attributes:
        layers: per tower and role the names of the layers.
    """

    share: tuple[float, float]
    alpha: tuple[float, float]
    layers: Mapping[Tower, Mapping[str, tuple[str, ...]]]

    def told(
        self, family: Family, tower: Tower, edited: Mapping[str, tuple[float, float]]
    ) -> dict[str, Any] | None:
        """A tower's parameters where these layers are edited; None where they cannot be."""
        roles = self.layers[tower]
        own = [role for role, layers in roles.items() if {*edited} & {*layers}]
        inside = [
            self.share[0] <= share <= self.share[1] and self.alpha[0] <= alpha <= self.alpha[1]
            for share, alpha in edited.values()
        ]
        if len(own) > 1 or {*edited} - {*(roles[own[0]] if own else ())} or not all(inside):
            return None
        shares, alphas = zip(*(edited.values() or [self.middle]), strict=True)
        fill = math.exp(sum(map(math.log, shares)) / len(shares)), sum(alphas) / len(alphas)
        found: dict[str, Any] = {f"{family}.{tower}": own[0] if own else NONE}
        for layers in roles.values():
            for layer in layers:
                name = f"{family}.{layer}"
                share, alpha = edited.get(layer, fill)
                found[f"{name}.edited"] = layer in edited
                found[f"{name}.share"] = min(max(share, self.share[0]), self.share[1])
                found[f"{name}.alpha"] = min(max(alpha, self.alpha[0]), self.alpha[1])
        return found

    @property
    def middle(self) -> tuple[float, float]:
        """Share and factor in the middle of their bounds."""
        return math.sqrt(self.share[0] * self.share[1]), sum(self.alpha) / 2


class Space(BaseModel, frozen=True, extra="forbid"):
    """What may vary on one backbone, as one flat list of parameters.

    A family; per family and tower a role or none; per layer of every role whether it is edited, its
    share and its factor. Every point has a value for all of them, used or not, so that any two can
    be crossed.
    """

    families: Mapping[Family, FamilySpace]

    def suggest(self, trial: Any) -> Point:
        """The point that an Optuna trial asks for."""
        chosen = trial.suggest_categorical("family", list(self.families))
        points: dict[Family, Point] = {}
        for family, space in self.families.items():
            prior: dict[Tower, bool] = {}
            settings: dict[str, tuple[float, float]] = {}
            for tower in TOWERS:
                name, roles = f"{family}.{tower}", space.layers[tower]
                chosen_role = trial.suggest_categorical(name, [NONE, *roles])
                if family == "uwm":
                    prior[tower] = trial.suggest_categorical(f"{name}.prior", [False, True])
                for role, layers in roles.items():
                    for layer in layers:
                        name = f"{family}.{layer}"
                        edited = trial.suggest_categorical(f"{name}.edited", [False, True])
                        share = trial.suggest_float(f"{name}.share", *space.share, log=True)
                        alpha = trial.suggest_float(f"{name}.alpha", *space.alpha)
                        if edited and role == chosen_role:
                            settings[layer] = rounded(share, alpha)
            points[family] = layerwise(family, settings, _priors(prior)) if settings else None
        return points[chosen]

    def parameters(self, point: Point) -> dict[str, Any] | None:
        """What `suggest` would be told for `point`; None where the space does not hold it.

        What the point says nothing of is filled: layers are left alone, with the mean share and
        factor of those that are edited in their tower, or the middle of the bounds.
        """
        unit = point.unit if point else None
        family: Family = next(iter(self.families))
        if point is not None:
            family = "uwm" if unit == "weight" else "neurons"
            if (point.score, point.selection) != ("ratio", "mass") or family not in self.families:
                return None
        found: dict[str, Any] = {"family": family}
        for name, space in self.families.items():
            for tower in TOWERS:
                edited = point.layers(tower) if point and name == family else {}
                told = space.told(name, tower, {str(id): both for id, both in edited.items()})
                if told is None:
                    return None
                if name == "uwm":
                    prior = (point.prior if point and edited else DEFAULT_PRIORS)[tower]
                    told[f"{name}.{tower}.prior"] = prior
                found |= told
        return found

    def uniform(self, count: int, seed: int) -> list[Layerwise]:
        """Points with one share and one factor for all layers of a tower, drawn at random.

        Families take turns, and so do the image tower, the text tower and both.
        """
        generator = np.random.default_rng(seed)
        found = []
        turns = [
            (family, towers)
            for towers in (("text",), ("image",), TOWERS)
            for family, space in self.families.items()
            if all(space.layers[tower] for tower in towers)
        ]
        for number in range(count):
            family, towers = turns[number % len(turns)]
            space = self.families[family]
            settings: dict[str, tuple[float, float]] = {}
            prior: dict[Tower, bool] = {}
            for tower in towers:
                roles = space.layers[tower]
                role = list(roles)[generator.integers(len(roles))]
                share = math.exp(
                    generator.uniform(math.log(space.share[0]), math.log(space.share[1]))
                )
                alpha = float(generator.uniform(*space.alpha))
                settings |= dict.fromkeys(roles[role], rounded(share, alpha))
                if family == "uwm":
                    prior[tower] = bool(generator.integers(2))
            found.append(layerwise(family, settings, _priors(prior)))
        return found


def layerwise(
    family: Family, settings: Mapping[str, tuple[float, float]], prior: PerTower[bool]
) -> Layerwise:
    """A point of a family."""
    unit: Literal["weight", "node"] = "weight" if family == "uwm" else "node"
    return normal(Layerwise(kind="layerwise", unit=unit, settings=settings, prior=prior))


def normal(point: Layerwise) -> Layerwise:
    """The point without what changes nothing: a name, and a prior of nodes or of a tower that is
    left alone. Points that edit alike are equal."""
    prior = {
        tower: point.prior[tower]
        for tower in TOWERS
        if point.unit == "weight" and point.layers(tower)
    }
    settings = {name: point.settings[name] for name in sorted(point.settings)}
    return Layerwise(
        kind="layerwise",
        unit=point.unit,
        score=point.score,
        selection=point.selection,
        prior=_priors(prior),
        settings=settings,
    )


def _priors(given: Mapping[Tower, bool]) -> PerTower[bool]:
    return PerTower[bool].model_validate({**dict(DEFAULT_PRIORS), **given})


def rounded(share: float, alpha: float) -> tuple[float, float]:
    """As many digits as a person would write down: what is measured is what is written."""
    return float(f"{share:.3g}"), round(alpha, 2)
