"""Every command of the table in docs/differences.md runs, on stand-ins for models and data."""

from __future__ import annotations

import re
import shlex
from contextlib import chdir
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from flows.cli.app import run
from flows.cli.options import DONE
from tests.makers.backbones import write_backbone
from tests.makers.small_audits import DOCUMENT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "differences.md").read_text()
EXAMPLE = ROOT / "flows" / "examples" / "paper.yaml"
ROWS = [
    line.split(" | ") for line in PAGE.splitlines() if "| `uwm " in line or "| the same |" in line
]
COMMANDS = [command for row in ROWS for command in re.findall(r"^`(uwm .+)`$", row[1])]


@pytest.mark.usefixtures("prefect_server")
def test_every_command_runs_and_every_row_that_is_named_is_there(
    zoo: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = YAML(typ="safe").load(EXAMPLE)
    families = {"vit-l-14": "clip", "vit-b-16": "clip", "coca": "coca", "siglip": "siglip"}
    for entry in document["backbones"]:
        entry |= {"kind": "folder", "folder": str(zoo[families[entry["name"]]])}
        del entry["model"], entry["pretrained"]
    published = write_backbone(tmp_path / "published", "clip", seed=5)
    for method in document["methods"]:
        if "weights" in method:
            method["weights"] = {"vit-l-14": {"kind": "folder", "folder": str(published)}}
        if "batch_size" in method:
            method["batch_size"] = {"image": 5, "text": 10}
    changes = {name: DOCUMENT[name] for name in ("calibration", "benchmarks", "resamples")}
    document |= {**changes, "zeroshot": DOCUMENT["zeroshot"]}
    document["sweep"]["tau"] = [0.02, 0.1]
    YAML().dump(document, tmp_path / "paper.yaml")
    assert len(COMMANDS) == 4
    with chdir(tmp_path):
        for command in COMMANDS:
            _, *arguments = shlex.split(command)
            if "--backbone" not in arguments and arguments[0] == "audit":
                # The whole zoo in one more stand-in: what is cached is not made again.
                arguments += ["--backbone", "vit-l-14", "--backbone", "coca"]
            assert run(arguments) == DONE, f"{command}\n{''.join(capsys.readouterr())}"
    found = pd.read_parquet(tmp_path / ".uwm" / "out" / "paper" / "results.parquet")
    named = {name for row in ROWS for name in re.findall(r"`([^`]+)`", row[2])}
    names = {*found["method"], *found["metric"], *found["backbone"]}
    assert named - names <= {"results.parquet", "sweep.html"}
    assert (tmp_path / "tower").is_dir()
