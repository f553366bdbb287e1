"""Labelled pictures, and the prompts that make a zero-shot set of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from storage.sources.source import ReadImage, Source
from uwm.config import ClassNames
from uwm.errors import SourceError


@dataclass(frozen=True)
class Pictures:
    """What a layout holds, before any prompt.

    Attributes:
        references: one per picture; one that comes again counts as often.
        labels: what each picture shows, as the layout has it: a folder's name, a number.
        classes: every label that there is, with pictures or without, in order.
        read, fingerprint, excluded: as in `Source`.
    """

    references: Sequence[str]
    labels: Sequence[str]
    classes: Sequence[str]
    read: ReadImage
    fingerprint: ReadImage | None = None
    excluded: dict[str, int] = field(default_factory=dict)


def labelled_source(
    pictures: Pictures, names: Sequence[str], templates: Sequence[str], official: int | None = None
) -> Source:
    """A zero-shot set: every class of `pictures` prompted by its name with every template.

    Classes of one name are one class, since no prompt can tell them apart (ImageNet has two called
    missile and two called sunglasses).

    Args:
        names: of `pictures.classes`, in their order.
        official: pictures that the whole set has.
    """
    distinct = list(dict.fromkeys(names))
    label_of = {
        label: distinct.index(name) for label, name in zip(pictures.classes, names, strict=True)
    }
    times = Counter(zip(pictures.references, pictures.labels, strict=True))
    count = len(templates)
    return Source(
        rows=pd.DataFrame(
            {
                "label": np.array([label_of[label] for _, label in times], dtype=np.int64),
                "times": np.array(list(times.values()), dtype=np.int64),
            }
        ),
        images=pd.DataFrame({"images": [reference for reference, _ in times]}),
        texts=pd.DataFrame(
            {"prompts": [form.replace("{}", name) for name in distinct for form in templates]}
        ),
        read=pictures.read,
        excluded=pictures.excluded,
        classes=pd.DataFrame(
            {
                "label": np.repeat(np.arange(len(distinct)), count),
                "name": np.repeat(np.array(distinct, dtype=object), count),
            }
        ),
        fingerprint=pictures.fingerprint,
        official=official,
    )


def own_names(labels: Sequence[str], given: ClassNames | None, what: str) -> list[str]:
    """The names of a user's own labels.

    Args:
        labels: every label of the set, in order.
        given: pairs of a label and its name; without them a label is its own name.
        what: the set, for messages.

    Raises:
        SourceError: a label has no name, or a name no label.
    """
    if given is None:
        if all(label.isdecimal() for label in labels):
            raise SourceError(
                f"{what} numbers its classes ({', '.join(labels[:3])}, ...), and a number makes no "
                "prompt; say their names with `classes`"
            )
        return [label.replace("_", " ") for label in labels]
    names = dict(given)
    if unnamed := [label for label in labels if label not in names]:
        raise SourceError(
            f"`classes` names every class; {what} has {len(unnamed)} that it does not name, "
            f"first {unnamed[0]!r}"
        )
    return [names[label] for label in labels]


def in_order(labels: Sequence[str]) -> list[str]:
    """Every label once: numbers by value, everything else by name."""
    numbers = all(label.isdecimal() for label in labels)
    return sorted(set(labels), key=lambda label: (int(label), label) if numbers else (0, label))


def checked(pictures: Pictures, what: str | Path, wanted: str) -> Pictures:
    """`pictures`, unless there is nothing to classify.

    Raises:
        SourceError: there is no picture, or fewer than two classes.
    """
    if len(pictures.classes) < 2 or not pictures.references:
        raise SourceError(
            f"{what} needs {wanted}; it has {len(pictures.classes)} classes and "
            f"{len(pictures.references)} pictures"
        )
    return pictures
