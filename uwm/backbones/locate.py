"""Where a backbone's weights lie and what is said beside them, found before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from uwm.backbones import hub
from uwm.backbones.catalog import model_config, unanswered
from uwm.backbones.files import inside
from uwm.backbones.hugging_face.borrowed import CONFIG, text_tower
from uwm.backbones.hugging_face.config import BESIDE
from uwm.backbones.hugging_face.tokenizers import COMPANIONS, VOCABULARIES, tokenizer_settings
from uwm.backbones.located import LocatedFiles
from uwm.backbones.places import place_of
from uwm.backbones.places.folder import folder_files
from uwm.config import BackboneConfig
from uwm.errors import MissingWeightsError, UnknownBackboneError


def check_available(config: BackboneConfig) -> None:
    """Raise unless every file of a backbone is on this machine or could be fetched now.

    Nothing large is downloaded, and no weights are read.

    Raises:
        UnknownBackboneError: see `locate`.
    """
    _locate(config, download=False)


def at_hand(config: BackboneConfig) -> bool:
    """Whether every file of a backbone is on this machine; raises as `check_available`."""
    return _locate(config, download=False) is not None


def locate(config: BackboneConfig) -> LocatedFiles:
    """A backbone's files; those of the hub are fetched where they are not in its cache.

    Raises:
        MissingWeightsError: a file is neither here nor to be had.
        UnknownBackboneError: a folder without weights, an unknown tag, or weights that were trained
            with another activation than the model computes.
    """
    found = _locate(config, download=True)
    if found is None:
        raise unanswered(config)
    return found


def _locate(config: BackboneConfig, *, download: bool) -> LocatedFiles | None:
    found = place_of(config).locate(config, download=download)
    if isinstance(found, Path):
        found = folder_files(found)
    network = None if found is None else found.model_config
    if network is None and place_of(config).describe is not None:
        network = model_config(config)
    if network is not None:
        _check_text_files(network["text_cfg"], found, download=download)
    return found


def _check_text_files(
    text: Mapping[str, Any], found: LocatedFiles | None, *, download: bool
) -> None:
    """Make sure of a Hugging Face tokenizer's, and such a text tower's, own files."""
    name = text.get("hf_tokenizer_name")
    beside = None if found is None else tokenizer_folder(found)
    if name and beside is None:
        if found is not None and (found.hugging_face or name == BESIDE):
            raise UnknownBackboneError(
                f"{found.folder} lacks its tokenizer; one of {', '.join(VOCABULARIES)} is wanted"
            )
        vocabulary = hub.obtain(name, VOCABULARIES, download=download)
        if vocabulary is not None:
            beside = vocabulary.parent
        if download:
            # Not every tokenizer has them, and whether this one does is not known out of reach.
            for companion in COMPANIONS:
                with suppress(MissingWeightsError):
                    hub.obtain(name, (companion,))
    if name and beside is not None:
        tokenizer_settings(beside)
    if tower := text.get("hf_model_name"):
        path = hub.obtain(tower, (CONFIG,), download=download)
        if path is not None:
            text_tower(path)


def tokenizer_folder(located: LocatedFiles) -> Path | None:
    """The folder with a Hugging Face tokenizer's files beside the weights, where there is one."""
    folder = located.folder
    if folder is None:
        return None
    return folder if any(inside(folder, name).is_file() for name in VOCABULARIES) else None
