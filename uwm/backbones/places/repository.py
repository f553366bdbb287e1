"""Backbones in repositories of the Hugging Face hub, which hold what a folder may."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from uwm.backbones import hub
from uwm.backbones.catalog import HUGGING_FACE, OPEN_CLIP, folder_config
from uwm.backbones.hugging_face.preprocessing import PREPROCESSOR
from uwm.backbones.hugging_face.tokenizers import SETTINGS, VOCABULARIES
from uwm.backbones.located import LocatedFiles
from uwm.backbones.places import locates
from uwm.backbones.places.folder import HUGGING_FACE_WEIGHTS, OPEN_CLIP_WEIGHTS, folder_files
from uwm.backbones.weight_index import shard_names
from uwm.config import HubBackbone
from uwm.errors import MissingWeightsError


def _config(config: HubBackbone) -> dict[str, Any]:
    return folder_config(_folder(config))


@locates(HubBackbone, describe=_config)
def repository(config: HubBackbone, /, *, download: bool) -> LocatedFiles | None:
    """A repository's files in the hub's cache; small ones are fetched whatever `download` says."""
    folder = _folder(config)
    theirs = not (folder / OPEN_CLIP).is_file()
    names = HUGGING_FACE_WEIGHTS if theirs else OPEN_CLIP_WEIGHTS
    path = hub.obtain(config.repo, names, config.revision, download=download)
    if path is None:
        return None
    if path.name.endswith(".index.json"):
        for shard in shard_names(path):
            hub.obtain(config.repo, (shard,), config.revision, download=download)
    if theirs:
        # Both may be missing there: preprocessing is guessed then, and told.
        for optional in (PREPROCESSOR, SETTINGS):
            with suppress(MissingWeightsError):
                hub.obtain(config.repo, (optional,), config.revision)
        if "hf_tokenizer_name" in folder_config(folder)["text_cfg"]:
            hub.obtain(config.repo, VOCABULARIES, config.revision)
    return folder_files(folder)


def _folder(config: HubBackbone) -> Path:
    """The folder in the hub's cache that holds a repository's configuration, fetched if need be.

    Raises:
        MissingWeightsError: it is not in the cache and the hub is out of reach.
    """
    path = hub.obtain(config.repo, (OPEN_CLIP, HUGGING_FACE), config.revision)
    if path is None:
        raise TypeError("a download answers with a path")
    return path.parent
