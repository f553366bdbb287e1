"""The methods that an audit compares: a module for each method or family of methods."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator, SerializeAsAny

from uwm.config.kinds import Kinds
from uwm.config.methods.ablation import Ablation, RandomDirection
from uwm.config.methods.base import EditMethod, GridMethod, Method, check_mass
from uwm.config.methods.blanking import Blanking
from uwm.config.methods.checkpoint import Checkpoint
from uwm.config.methods.control import Control
from uwm.config.methods.erasure import Leace, NullSpace
from uwm.config.methods.gradients import GradientMethod, GSafeClip, GUnsafe
from uwm.config.methods.layerwise import Layerwise
from uwm.config.methods.magnitude import MagnitudeControl
from uwm.config.methods.neurons import Neurons
from uwm.config.methods.original import Original
from uwm.config.methods.random import RandomControl
from uwm.config.methods.redirect import Preserve, Redirect
from uwm.config.methods.redirect_controls import Mispaired, OneWay, Swapped
from uwm.config.methods.redirect_projection import RedirectProjection
from uwm.config.methods.safe_clip import LossWeights, LowRankTraining, SafeClip
from uwm.config.methods.set_difference import SetDifference
from uwm.config.methods.uwm import Uwm

METHODS: Kinds[Method] = Kinds(
    Method,
    (
        *(Original, Uwm, Neurons, SetDifference, GUnsafe, GSafeClip, Layerwise),
        *(Checkpoint, SafeClip, Redirect, RedirectProjection, Ablation, NullSpace, Leace),
        *(RandomControl, MagnitudeControl, Blanking),
        *(Swapped, Mispaired, OneWay, RandomDirection),
    ),
    "uwm.methods",
)
CONTROL_KINDS = tuple(kind for kind, method in METHODS.own.items() if issubclass(method, Control))
"""The kinds of methods that are controls of others."""
MethodConfig = Annotated[Method, PlainValidator(METHODS.validate), SerializeAsAny()]
"""A method of any kind: built in, from an installed package, or from the user's own file."""

__all__ = [
    "CONTROL_KINDS",
    "METHODS",
    "Ablation",
    "Blanking",
    "Checkpoint",
    "Control",
    "EditMethod",
    "GSafeClip",
    "GUnsafe",
    "GradientMethod",
    "GridMethod",
    "Layerwise",
    "Leace",
    "LossWeights",
    "LowRankTraining",
    "MagnitudeControl",
    "Method",
    "MethodConfig",
    "Mispaired",
    "Neurons",
    "NullSpace",
    "OneWay",
    "Original",
    "Preserve",
    "RandomControl",
    "RandomDirection",
    "Redirect",
    "RedirectProjection",
    "SafeClip",
    "SetDifference",
    "Swapped",
    "Uwm",
    "check_mass",
]
