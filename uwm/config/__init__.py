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
    HubBackbone,
    OpenClipBackbone,
    Precision,
    Preprocess,
)
from uwm.config.generalisation import Drift, HeldOut
from uwm.config.methods import (
    EditMethod,
    EditMethodConfig,
    GradientMethod,
    GSafeClip,
    GUnsafe,
    Layerwise,
    MethodConfig,
    Neurons,
    Original,
    RandomControl,
    TowerRules,
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
from uwm.config.policy import Policy, Rule
from uwm.config.runner import Runner, RunnerKind
from uwm.config.search import Family, SearchSettings
from uwm.config.settings import (
    Settings,
)
from uwm.config.subset import Subset
from uwm.config.sweep import (
    Common,
    NeuronsSweep,
    Sweep,
    SweepSettings,
    TowerPoint,
    UwmSweep,
)
from uwm.config.towers import (
    FactorGrid,
    GradientKind,
    NodeScoreKind,
    Roles,
    Scope,
    ScoreKind,
    ShareGrid,
    TowerBlocks,
    TowerFactors,
    TowerPrior,
    TowerRoles,
    TowerShares,
)
from uwm.config.weights import (
    Checkpoint,
    LossWeights,
    LowRankTraining,
    SafeClip,
    TowerLosses,
)
from uwm.config.zeroshot import (
    Benchmarks,
    BenchmarkSet,
    BenchmarkZeroShot,
    ClassNames,
    DemoZeroShot,
    FolderZeroShot,
    ParquetZeroShot,
    Protocol,
    WebDatasetZeroShot,
    ZeroShotConfig,
)
from uwm.config.zoo import Zoo

__all__ = [
    "AuditConfig",
    "BackboneConfig",
    "BenchmarkSet",
    "BenchmarkZeroShot",
    "Benchmarks",
    "Checkpoint",
    "ChoiceRule",
    "ClassNames",
    "Common",
    "DemoBackbone",
    "DemoPairs",
    "DemoZeroShot",
    "Drift",
    "EditMethod",
    "EditMethodConfig",
    "FactorGrid",
    "Family",
    "FolderBackbone",
    "FolderZeroShot",
    "GSafeClip",
    "GUnsafe",
    "GradientKind",
    "GradientMethod",
    "HeldOut",
    "HfDatasetPairs",
    "HubBackbone",
    "Layerwise",
    "LossWeights",
    "LowRankTraining",
    "ManifestPairs",
    "MethodConfig",
    "Neurons",
    "NeuronsSweep",
    "NodeScoreKind",
    "OpenClipBackbone",
    "Original",
    "PairSet",
    "PairsConfig",
    "ParquetZeroShot",
    "Policy",
    "Precision",
    "Preprocess",
    "Protocol",
    "RandomControl",
    "Roles",
    "Rule",
    "Runner",
    "RunnerKind",
    "SafeClip",
    "Scope",
    "ScoreKind",
    "SearchSettings",
    "Settings",
    "ShareGrid",
    "Subset",
    "Sweep",
    "SweepSettings",
    "TablePairs",
    "TowerBlocks",
    "TowerFactors",
    "TowerLosses",
    "TowerPoint",
    "TowerPrior",
    "TowerRoles",
    "TowerRules",
    "TowerShares",
    "Uwm",
    "UwmSweep",
    "VisuPairs",
    "WebDatasetPairs",
    "WebDatasetZeroShot",
    "ZeroShotConfig",
    "Zoo",
]
