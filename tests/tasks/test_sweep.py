import pandas as pd

from tasks.capture import StatisticsSpec, capture_statistics
from tasks.edit import EditSpec, edit
from tasks.embed import EmbeddingsSpec, embed
from tasks.embeddings import read_results
from tasks.evaluate import evaluate, safety_spec
from tasks.score import ScoresSpec, score
from tasks.sweep import GridSpec, measure_grid, read_grid
from tests.makers.bench import Bench


def test_a_cell_of_a_grid_is_an_evaluation_of_its_own(bench: Bench) -> None:
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2",), bench.tokens)
    scores = ScoresSpec.of(statistics, "node", "ratio", ("fc2",))
    made = EditSpec.of(scores, "nodes", 0.3, -2.0)
    capture_statistics.fn(statistics, bench.store, bench.backbone, 64)
    score.fn([scores], bench.store, bench.backbone)
    edit.fn([made], bench.store, bench.backbone)
    image = EmbeddingsSpec.of(bench.backbone, "image", None, bench.pixels)
    texts = [EmbeddingsSpec.of(bench.backbone, "text", one, bench.tokens) for one in (None, made)]
    for spec in (image, *texts):
        embed.fn([spec], bench.store, bench.backbone, 64)
    original = [image], [texts[0]]
    given = "mine", bench.dataset
    grid = GridSpec.of(*given, {}, [image], [[text] for text in texts], original, 100, 3)
    measure_grid.fn([grid], bench.store)
    rows = read_grid(bench.store, grid)
    for number, text in enumerate(texts):
        alone = safety_spec(*given, (image, text), (image, texts[0]), 100, 3, concepts=False)
        evaluate.fn([alone], bench.store)
        cell = rows[rows["text"] == number].drop(columns="text").reset_index(drop=True)
        pd.testing.assert_frame_equal(cell, read_results(bench.store, [alone]))
