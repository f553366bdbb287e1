import pandas as pd

from tasks.capture import StatisticsSpec, capture_statistics
from tasks.edit import EditSpec, edit
from tasks.embed import EmbeddingsSpec, embed
from tasks.embeddings import read_results
from tasks.evaluate import SafetySpec, evaluate
from tasks.score import ScoresSpec, score
from tasks.sweep import GridSpec, measure_grid, read_grid
from tests.makers.bench import Bench


def test_a_cell_of_a_grid_is_an_evaluation_of_its_own(bench: Bench) -> None:
    statistics = StatisticsSpec.of(bench.backbone, "text", ("fc2",), bench.tokens)
    scores = ScoresSpec.of(statistics, "node", "ratio", ("fc2",))
    made = EditSpec(scores=scores, rule="nodes", share=0.3, alpha=-2.0)
    capture_statistics.fn(statistics, bench.store, bench.backbone, 64)
    score.fn([scores], bench.store, bench.backbone)
    edit.fn([made], bench.store, bench.backbone)
    image = EmbeddingsSpec.of(bench.backbone, "image", None, bench.pixels)
    texts = [EmbeddingsSpec.of(bench.backbone, "text", one, bench.tokens) for one in (None, made)]
    for spec in (image, *texts):
        embed.fn([spec], bench.store, bench.backbone, 64)
    draw = {"resamples": 100, "seed": 3}
    grid = GridSpec(
        pairs="mine",
        dataset=bench.dataset,
        zeroshot=(),
        unsafe=(),
        image=(image,),
        texts=tuple((text,) for text in texts),
        original=((image,), (texts[0],)),
        **draw,
    )
    measure_grid.fn([grid], bench.store)
    rows = read_grid(bench.store, grid)
    for number, text in enumerate(texts):
        alone = SafetySpec(
            dataset="mine",
            pairs=bench.dataset,
            edited=(image, text),
            original=(image, texts[0]),
            concepts=False,
            **draw,
        )
        evaluate.fn([alone], bench.store)
        cell = rows[rows["text"] == number].drop(columns="text").reset_index(drop=True)
        pd.testing.assert_frame_equal(cell, read_results(bench.store, [alone]))
