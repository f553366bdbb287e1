"""What searches of tests look through."""

from __future__ import annotations

from uwm.search.space import FamilySpace, Space

SPACE = Space(
    families={
        "uwm": FamilySpace(
            share=(0.005, 0.2),
            alpha=(-3, 0.5),
            layers={
                "image": {"fc2": ("image.00.fc2", "image.01.fc2"), "out": ("image.00.out",)},
                "text": {"out": ("text.00.out", "text.01.out")},
            },
        ),
        "neurons": FamilySpace(
            share=(0.01, 0.2),
            alpha=(-3, 0.5),
            layers={"image": {}, "text": {"fc2": ("text.00.fc2", "text.01.fc2")}},
        ),
    }
)
