from pathlib import Path

import torch

from storage.formats.scores import read_scores, write_scores
from uwm.layers import LayerId


def test_scores_read_back(tmp_path: Path) -> None:
    scores = {
        LayerId("image", 11, "fc2"): torch.rand(3, 4),
        LayerId("image", 2, "fc2"): torch.rand(5),
    }
    write_scores(tmp_path, scores, {"samples": 10, "excluded": 1})
    found, attributes = read_scores(tmp_path)
    assert attributes == {"samples": 10, "excluded": 1}
    assert list(found) == sorted(scores)
    assert all(torch.equal(found[layer], score) for layer, score in scores.items())
