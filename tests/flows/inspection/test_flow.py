"""`uwm inspect` as a person runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML
from selenium import webdriver
from selenium.webdriver.common.by import By

from flows.audit.flow import audit
from flows.cli.app import run
from flows.cli.options import BAD_INPUT, DONE
from storage.store.store import Store
from uwm.config import AuditConfig

pytestmark = pytest.mark.usefixtures("prefect_server")
METHODS = [{"kind": "uwm"}, {"kind": "neurons"}]
MARGIN = Path(__file__).parents[3] / "examples/plugins/margin.py"


@pytest.fixture
def config(small: Callable[..., AuditConfig], tmp_path: Path) -> AuditConfig:
    made = small("clip", "siglip", methods=METHODS, zeroshot=[], metrics=[f"{MARGIN}:MARGIN"])
    YAML().dump(made.model_dump(mode="json"), tmp_path / "audit.yaml")
    return made


def inspect(folder: Path, *options: str) -> int:
    where = ["--store", str(folder / "store"), "--out", str(folder / "out")]
    return run(["inspect", str(folder / "audit.yaml"), *where, *options])


def test_a_layer_is_swept_from_the_captures_of_an_audit(
    config: AuditConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    driver: webdriver.Chrome,
) -> None:
    audit(config, str(tmp_path / "store"), str(tmp_path / "audit"))
    captured = [
        name for kind, name, _ in Store(tmp_path / "store").artifacts() if kind == "statistics"
    ]
    sweep = ["--layer", "text.01.fc2", "--share", "0.2", "--alphas", "-1:1:3"]
    assert inspect(tmp_path, "--backbone", "clip", *sweep) == DONE
    names = ("distribution.parquet", "phi.parquet", "alphas.parquet", "inspect.html")
    written = [tmp_path / "out" / name for name in names]
    assert capsys.readouterr().out.splitlines()[-4:] == list(map(str, written))
    again = [
        name for kind, name, _ in Store(tmp_path / "store").artifacts() if kind == "statistics"
    ]
    assert sorted(again) == sorted(captured)

    distribution, phi, alphas = map(pd.read_parquet, written[:3])
    assert set(zip(distribution["tower"], distribution["role"], strict=True)) == {
        ("image", "fc2"),
        ("text", "fc2"),
        ("text", "out"),
    }
    assert len(distribution) == 2 * len(phi) == 2 * 6
    assert (phi["n"] == 20).all()
    assert set(alphas["alpha"]) == {-1, 0, 1}
    assert set(alphas["dataset"]) == {"validation"}
    assert "margin_t_u" in set(alphas["metric"])
    assert (alphas.loc[alphas["alpha"] == 1, "change"] == 0).all()
    drawn = alphas[alphas["control"]]
    assert set(drawn["alpha"]) == {-1, 0}
    chosen = alphas[~alphas["control"] & (alphas["alpha"] != 1)]
    assert len(drawn) == len(chosen)
    assert list(drawn["value"]) != list(chosen["value"])

    before = {path.name: path.read_bytes() for path in written}
    artifacts = len(list(Store(tmp_path / "store").artifacts()))
    assert inspect(tmp_path, *sweep) == DONE  # the first backbone
    assert {path.name: path.read_bytes() for path in written} == before
    assert len(list(Store(tmp_path / "store").artifacts())) == artifacts
    driver.get(written[-1].as_uri())
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    for plot in ("distribution", "phi", "alphas"):
        assert driver.find_element(By.ID, plot).size["height"] > 300
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_without_a_layer_there_is_no_sweep(config: AuditConfig, tmp_path: Path) -> None:
    assert inspect(tmp_path, "--backbone", "siglip") == DONE
    assert not (tmp_path / "out" / "alphas.parquet").exists()
    assert "One layer" not in (tmp_path / "out" / "inspect.html").read_text()
    assert set(pd.read_parquet(tmp_path / "out" / "phi.parquet")["backbone"]) == {"siglip"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backbone", "b32"], "the backbones clip, siglip; got b32"),
        (["--layer", "fc2"], "such as text.01.out; got fc2"),
        (["--layer", "image.00.out"], "image.00.fc2, image.01.fc2; got image.00.out"),
        (["--layer", "text.01.fc2", "--alphas", "1:2"], "FROM:TO:POINTS"),
        (["--layer", "text.01.fc2", "--alphas", "0,nan"], "finite numbers; got 0,nan"),
    ],
)
def test_what_cannot_be_is_told(
    config: AuditConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert inspect(tmp_path, *options) == BAD_INPUT
    assert said in capsys.readouterr().err
