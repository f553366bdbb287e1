"""Unsafe Weights Manipulation (arXiv 2503.11742): audit and repair CLIP-like models.

The method, and a door for Python sessions. Nothing here knows of Prefect or of a store; `storage`,
`tasks` and `flows` build on it. Files are read for backbones, and written for edits and edited
backbones, in `uwm.backbones`, `uwm.method.edit_files` and `uwm.api`.

The road from an activation to an edited weight: `uwm.method.observe` -> `statistics` -> `scoring`
(Eq. 8 to 10) -> `selection` (Eq. 11) -> `editing`. What the edit did: `uwm.metrics`.

The names below are loaded when they are first used: `import uwm` itself loads neither torch nor
pandas.

    >>> import uwm
    >>> backbone = uwm.load("demo:siglip")
    >>> edits = uwm.repair(backbone, uwm.Pairs.demo(limit=128))
    >>> with edits.applied(backbone):
    ...     embeddings = uwm.embed(backbone, uwm.Pairs.demo("test", limit=100))
    >>> uwm.bootstrap(uwm.safeground(embeddings)["P_t_s"]).value
    88.0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uwm.errors import UWMError

if TYPE_CHECKING:
    from uwm.api.loading import load
    from uwm.api.measuring import bootstrap, embed, zeroshot
    from uwm.api.pairs import Pairs
    from uwm.api.repair import Edits, repair
    from uwm.api.results import Results, results
    from uwm.backbones.backbone import Backbone
    from uwm.config import GSafeClip, GUnsafe, Neurons, Uwm
    from uwm.layers import Layer, LayerId, find_layers
    from uwm.method.capture import capture
    from uwm.method.edit_files import read_edit, write_edit
    from uwm.method.editing import Edit, make_edit
    from uwm.method.gradients import GradientScore
    from uwm.method.scoring import NodeScore, WeightScore
    from uwm.method.selection import select, select_layers
    from uwm.method.statistics import Activations
    from uwm.metrics.evaluation import paired_change
    from uwm.metrics.intervals import Interval
    from uwm.metrics.retrieval import recalls
    from uwm.metrics.safeground import PairedEmbeddings, safeground

__version__ = "0.1.0"

__all__ = [
    "Activations",
    "Backbone",
    "Edit",
    "Edits",
    "GSafeClip",
    "GUnsafe",
    "GradientScore",
    "Interval",
    "Layer",
    "LayerId",
    "Neurons",
    "NodeScore",
    "PairedEmbeddings",
    "Pairs",
    "Results",
    "UWMError",
    "Uwm",
    "WeightScore",
    "bootstrap",
    "capture",
    "embed",
    "find_layers",
    "load",
    "make_edit",
    "paired_change",
    "read_edit",
    "recalls",
    "repair",
    "results",
    "safeground",
    "select",
    "select_layers",
    "write_edit",
    "zeroshot",
]

_HOMES = {
    "uwm.api.loading": ("load",),
    "uwm.api.measuring": ("bootstrap", "embed", "zeroshot"),
    "uwm.api.pairs": ("Pairs",),
    "uwm.api.repair": ("Edits", "repair"),
    "uwm.api.results": ("Results", "results"),
    "uwm.backbones.backbone": ("Backbone",),
    "uwm.config": ("GSafeClip", "GUnsafe", "Neurons", "Uwm"),
    "uwm.layers": ("Layer", "LayerId", "find_layers"),
    "uwm.method.capture": ("capture",),
    "uwm.method.edit_files": ("read_edit", "write_edit"),
    "uwm.method.editing": ("Edit", "make_edit"),
    "uwm.method.gradients": ("GradientScore",),
    "uwm.method.scoring": ("NodeScore", "WeightScore"),
    "uwm.method.selection": ("select", "select_layers"),
    "uwm.method.statistics": ("Activations",),
    "uwm.metrics.evaluation": ("paired_change",),
    "uwm.metrics.intervals": ("Interval",),
    "uwm.metrics.retrieval": ("recalls",),
    "uwm.metrics.safeground": ("PairedEmbeddings", "safeground"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, loaded from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
