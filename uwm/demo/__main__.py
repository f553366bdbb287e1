"""Make the embedded default anew: `python -m uwm.demo all`."""

import argparse
import tempfile
from pathlib import Path

import torch

from uwm.demo.backbone import load
from uwm.demo.build import build, write_manifest
from uwm.demo.measure import figures
from uwm.demo.train import train
from uwm.shipped import BACKBONES, PAIR_SETS


def main() -> None:
    """Draw the sets, train the backbones, or both; or measure what is shipped."""
    parser = argparse.ArgumentParser(prog="python -m uwm.demo", description=__doc__)
    parser.add_argument("stage", choices=("build", "train", "all", "measure"))
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "uwm-demo",
        help="folder for the training set, checkpoints and fetched art (default: %(default)s)",
    )
    parser.add_argument(
        "--backbone",
        choices=tuple(BACKBONES),
        action="append",
        help="only this one; may be given several times (default: all)",
    )
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: %(default)s)")
    arguments = parser.parse_args()
    chosen: list[str] = arguments.backbone or list(BACKBONES)
    torch.set_num_threads(arguments.threads)
    if arguments.stage in ("build", "all"):
        build(arguments.work)
    if arguments.stage in ("train", "all"):
        for name in chosen:
            train(name, arguments.work)
    if arguments.stage == "measure":
        for name in chosen:
            backbone = load(BACKBONES[name])
            for test in ("test", "test_second_style"):
                print(name, test, figures(backbone, PAIR_SETS[test]), flush=True)
    else:
        write_manifest()


if __name__ == "__main__":
    main()
