from pathlib import Path

import torch

from storage.formats import standing
from storage.formats.factors import read_factors, write_factors
from uwm.layers import LayerId
from uwm.method.safe_clip import Factors

FACTORS = {
    LayerId("image", 3, "fc1", "gate"): Factors(torch.randn(5, 2), torch.randn(2, 4)),
    LayerId("image", 0, "value"): Factors(torch.randn(3, 2), torch.randn(2, 3)),
}


def test_factors_come_back_as_they_were(tmp_path: Path) -> None:
    write_factors(tmp_path, FACTORS, {"steps": 7, "losses": [{"redirection": 0.1}]})
    found, content = read_factors(tmp_path)
    assert content == {"steps": 7, "losses": [{"redirection": 0.1}]}
    assert set(found) == set(FACTORS)
    for id, product in FACTORS.items():
        assert torch.equal(found[id].up, product.up)
        assert torch.equal(found[id].down, product.down)


def test_a_finished_training_leaves_nothing_of_where_it_stood(tmp_path: Path) -> None:
    standing.note(tmp_path, {"a.up": torch.ones(2)}, {"steps": 2})
    (tmp_path / ".standing-12").write_bytes(b"of a killed writer")
    write_factors(tmp_path, FACTORS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["factors.safetensors"]


def test_the_same_factors_have_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in "ab":
        (tmp_path / name).mkdir()
        write_factors(tmp_path / name, FACTORS, {"steps": 7, "spec": "{}", "losses": []})
        written.append((tmp_path / name / "factors.safetensors").read_bytes())
    assert written[0] == written[1]
