"""What an audit is made of, as frozen models: one YAML file, and the parameters of the flow.

Only shapes and rules; no torch, nothing heavy. Relative paths are resolved against the folder given
as validation context (`{"folder": Path}`), which is the configuration file's own.
"""

from uwm.config.audit import (
    AuditConfig,
    ChoiceRule,
)
from uwm.config.backbones import (
    BackboneConfig,
    DemoBackbone,
    FolderBackbone,
    OpenClipBackbone,
)
from uwm.config.methods import (
    EditMethod,
    FactorGrid,
    MethodConfig,
    Neurons,
    Original,
    RandomControl,
    Roles,
    ScoreKind,
    ShareGrid,
    TowerPrior,
    TowerRoles,
    Uwm,
)
from uwm.config.pairs import (
    DemoPairs,
    HfDatasetPairs,
    ManifestPairs,
    PairsConfig,
    PairSet,
    TablePairs,
    VisuPairs,
    WebDatasetPairs,
)
from uwm.config.settings import (
    Settings,
)
from uwm.config.zeroshot import (
    DemoZeroShot,
    FolderZeroShot,
    ZeroShotConfig,
)

__all__ = [
    "AuditConfig",
    "BackboneConfig",
    "ChoiceRule",
    "DemoBackbone",
    "DemoPairs",
    "DemoZeroShot",
    "EditMethod",
    "FactorGrid",
    "FolderBackbone",
    "FolderZeroShot",
    "HfDatasetPairs",
    "ManifestPairs",
    "MethodConfig",
    "Neurons",
    "OpenClipBackbone",
    "Original",
    "PairSet",
    "PairsConfig",
    "RandomControl",
    "Roles",
    "ScoreKind",
    "Settings",
    "ShareGrid",
    "TablePairs",
    "TowerPrior",
    "TowerRoles",
    "Uwm",
    "VisuPairs",
    "WebDatasetPairs",
    "ZeroShotConfig",
]
