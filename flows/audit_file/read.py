"""An audit's YAML file: read, checked as a whole, and every problem told with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml.comments import CommentedMap

from flows.audit_file.yaml_lines import Location, Problem, listed, parse, parse_text, problems
from flows.audit_file.zoo_entries import Expanded, expand
from storage.sources import read_source
from uwm.backbones.catalog import model_config
from uwm.backbones.locate import check_available
from uwm.config import (
    AuditConfig,
    BackboneConfig,
    Benchmarks,
    Method,
    MethodConfig,
    PairsConfig,
    PerTower,
    Roles,
    SweepSettings,
    ZeroShotConfig,
)
from uwm.config.methods.requests import WeightsFrom
from uwm.errors import ConfigError, InputError, MissingSetError
from uwm.families import TOWERS, check_roles, family_of

_METHODS: TypeAdapter[tuple[Method, ...]] = TypeAdapter(tuple[MethodConfig, ...])


def read_config(path: Path) -> AuditConfig:
    """The audit that a YAML file describes; relative paths are relative to the file.

    Zoos are looked through each time, so that a model put into one is in the next audit.

    Raises:
        ConfigError: everything that is wrong with it, one line each.
    """
    document, config, zoo = _validated(path)
    if found := _impossible(config):
        raise listed(path, document, zoo.located(found))
    return config


def read_outline(path: Path) -> AuditConfig:
    """The same, without a look at the data and backbones that it names.

    Raises:
        ConfigError: the file itself breaks rules, one line each.
    """
    return _validated(path)[1]


def _validated(path: Path) -> tuple[CommentedMap, AuditConfig, Expanded]:
    document = parse(path)
    if not isinstance(document, CommentedMap):
        raise ConfigError(
            f"{path} should be a mapping with the keys {', '.join(AuditConfig.model_fields)}; "
            f"it is a {type(document).__name__}"
        )
    zoo = expand(document, path.parent)
    content = {**document, **({"backbones": zoo.backbones} if "backbones" in document else {})}
    try:
        config = AuditConfig.model_validate(content, context={"folder": path.parent})
    except ValidationError as error:
        raise listed(path, document, [*zoo.problems, *zoo.located(problems(error))]) from None
    if zoo.problems:
        raise listed(path, document, zoo.problems)
    return document, config, zoo


def only(config: AuditConfig, names: list[str] | None) -> AuditConfig:
    """The audit of some of its backbones, without what refers to the others.

    Raises:
        InputError: it does not have one of them.
    """
    there = {item.name: item for item in config.backbones}
    if unknown := sorted({*(names or ())} - set(there)):
        raise InputError(
            f"this audit has the backbones {', '.join(there)}; got {', '.join(unknown)}"
        )
    if not names:
        return config
    return config.narrowed(backbones=names)


def with_methods(config: AuditConfig, methods: list[str] | None) -> AuditConfig:
    """The audit of other methods, each given as YAML, and of a name of its own.

    Rules and sections for methods that are no longer there are left out.

    Raises:
        InputError: one of them is not a method.
    """
    if not methods:
        return config
    try:
        given = _METHODS.validate_python([parse_text(text) for text in methods])
        return config.altered(name=f"{config.name}-methods", methods=given, policy=None, sweep=None)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors()]
        raise InputError("\n  ".join(["--method is wrong:", *lines])) from error


def check_sweep(config: AuditConfig, sweep: SweepSettings) -> None:
    """Raise InputError where a backbone has no layer in a role that a sweep edits."""
    for backbone in config.backbones:
        for tower in TOWERS:
            for roles in sweep.roles[tower]:
                check_roles(family_of(model_config(backbone), tower), roles)


def _impossible(config: AuditConfig) -> list[Problem]:
    """What only looking can tell: missing backbones and roles, data that cannot be read."""
    found: list[Problem] = []
    missing: list[Problem] = []
    for where, data in _sources(config):
        try:
            read_source(data, config.seed)
        except MissingSetError as error:
            missing.append((where, str(error)))
        except InputError as error:
            found.append((where, str(error)))
    if len(missing) == len(config.zeroshot_sets):  # some may be missing, not all of them
        found += missing
    for index, backbone in enumerate(config.backbones):
        try:
            network = model_config(backbone)
            families = {
                tower: family_of(network, tower) for tower in TOWERS if config.changed_roles(tower)
            }
            check_available(backbone)
        except InputError as error:
            found.append((("backbones", index), str(error)))
            continue
        for where, roles in _roles(config):
            for tower, family in families.items():
                try:
                    check_roles(family, roles[tower])
                except InputError as error:
                    found.append(((*where, tower), f"{backbone.name}: {error}"))
        for position, method in enumerate(config.methods):
            wanted = method.weights_for(backbone.name)
            if isinstance(wanted, WeightsFrom):
                try:
                    _check_other(network, wanted.place)
                except InputError as error:
                    found.append((("methods", position, *wanted.key), str(error)))
    return found


def _roles(config: AuditConfig) -> Iterator[tuple[Location, PerTower[Roles]]]:
    for position, method in enumerate(config.methods):
        yield ("methods", position, method.roles_key), method.changed_roles
    if config.search is not None:
        for name, family in config.search.families.items():
            yield ("search", name, "roles"), family.roles


def _check_other(network: Mapping[str, Any], other: BackboneConfig) -> None:
    """Raise InputError unless other weights of `network` are there."""
    from uwm.backbones.architecture import check_same_network  # heavy, and rarely needed

    check_same_network(network, model_config(other))
    check_available(other)


def _sources(config: AuditConfig) -> Iterator[tuple[Location, PairsConfig | ZeroShotConfig]]:
    yield ("calibration",), config.calibration
    if config.validation is not None:
        yield ("validation",), config.validation
    for index, pairs in enumerate(config.benchmarks):
        yield ("benchmarks", index), pairs
    for index, item in enumerate(config.zeroshot):
        for labelled in item.members if isinstance(item, Benchmarks) else (item,):
            yield ("zeroshot", index), labelled
    for index, chosen_on in enumerate(config.search.zeroshot if config.search else ()):
        yield ("search", "zeroshot", index), chosen_on
