"""The specs that stages have."""

from __future__ import annotations

import importlib
import pkgutil

import tasks
from storage.store.spec import Spec


def spec_classes(base: type[Spec] = Spec) -> list[type[Spec]]:
    """Every kind of spec that a stage of ours has."""
    for module in pkgutil.iter_modules(tasks.__path__, "tasks."):
        importlib.import_module(module.name)
    found = [cls for child in base.__subclasses__() for cls in (child, *spec_classes(child))]
    return [cls for cls in found if cls.__module__.startswith("tasks.")]
