"""Backbones in folders."""

from __future__ import annotations

from pathlib import Path

from uwm.backbones.backbone import Backbone
from uwm.backbones.load import load
from uwm.config import FolderBackbone

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 12345\n" % (
    b"0" * 64
)
"""What Git LFS leaves of a file where a repository was cloned without it."""


def folder_backbone(folder: Path, name: str = "x") -> FolderBackbone:
    """The configuration of a backbone in a folder."""
    return FolderBackbone(kind="folder", folder=folder, name=name)


def loaded(folder: Path) -> Backbone:
    """The backbone in a folder, past the cache of those that are loaded."""
    return load.__wrapped__(FolderBackbone(kind="folder", folder=folder, name="x"))
