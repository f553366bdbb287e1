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
    FactorGrid,
    MethodConfig,
    Neurons,
    NodeScoreKind,
    Original,
    RandomControl,
    Roles,
    Scope,
    ScoreKind,
    ShareGrid,
    TowerBlocks,
    TowerFactors,
    TowerPrior,
    TowerRoles,
    TowerShares,
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
from uwm.config.settings import (
    Settings,
)
from uwm.config.subset import Subset
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
    "ChoiceRule",
    "ClassNames",
    "DemoBackbone",
    "DemoPairs",
    "DemoZeroShot",
    "Drift",
    "EditMethod",
    "FactorGrid",
    "FolderBackbone",
    "FolderZeroShot",
    "HeldOut",
    "HfDatasetPairs",
    "HubBackbone",
    "ManifestPairs",
    "MethodConfig",
    "Neurons",
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
    "Scope",
    "ScoreKind",
    "Settings",
    "ShareGrid",
    "Subset",
    "TablePairs",
    "TowerBlocks",
    "TowerFactors",
    "TowerPrior",
    "TowerRoles",
    "TowerShares",
    "Uwm",
    "VisuPairs",
    "WebDatasetPairs",
    "WebDatasetZeroShot",
    "ZeroShotConfig",
    "Zoo",
]
