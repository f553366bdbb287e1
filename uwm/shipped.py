"""Where the embedded default lies: a harmless picture set and three tiny backbones.

Everything that the demo's audit needs is shipped, so it runs without a network or a GPU. Scenes are
drawn with emoji; "unsafe" means that the scene holds a knife, a skull, a raised fist and the like.
`python -m uwm.demo` generates the files again.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent / "demo"

DATA = ROOT / "data"
"""Folder of the shipped sets."""

PAIR_SETS: dict[str, Path] = {
    name: DATA / f"{name}.parquet"
    for name in ("calibration", "validation", "test", "test_second_style", "hard_benign")
}
"""Quadruples: `id`, `concept`, `safe_text`, `unsafe_text`, `safe_image`, `unsafe_image`."""

ZEROSHOT_SETS: dict[str, Path] = {
    name: DATA / f"zeroshot_{name}.parquet"
    for name in ("subjects", "objects", "backgrounds", "unsafe_objects")
}
"""Labelled pictures: `image`, `label`; what the labels mean is in `ZEROSHOT_CLASSES`."""

ZEROSHOT_CLASSES = DATA / "zeroshot.json"
"""`{set: {"template": "a picture of {}", "classes": [...]}}`, classes in label order."""

MANIFEST = DATA / "manifest.json"
"""Size and SHA-256 of every shipped file, by its path relative to `ROOT`."""

BACKBONES: dict[str, Path] = {name: ROOT / "backbones" / name for name in ("vit", "coca", "siglip")}
"""Folders that `open_clip.create_model_and_transforms("local-dir:FOLDER")` loads."""
