import time
from uuid import UUID

import pytest
from prefect import flow, tags
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.context import FlowRunContext

from flows.stages.stages import Stages
from tasks.datasets import identify
from tests.makers.bench import Bench
from uwm.config import DemoPairs

PAIRS = DemoPairs(kind="demo", split="calibration", per_concept=2)


def test_a_stage_is_submitted_once_and_its_failure_is_the_one_raised(bench: Bench) -> None:
    @flow
    def stages_of_one_backbone() -> list[str]:
        stages = Stages(bench.store, bench.backbone, "clip", batch_size=16, seed=0)
        (dataset,) = stages.datasets([PAIRS])
        (tokens,) = stages.tokens([dataset])
        statistics = stages.statistics("text", ("out",), tokens)
        for _ in range(2):
            scores = stages.scores(statistics, "weight", "ratio", ("out",), prior=True)
            stages.edits(scores, "mass", [(0.02, -1.0)])
        stages.wait()
        assert all(bench.store.complete(spec) for spec in stages.used)
        stages.edits(scores, "mass", [(2.0, -1.0)])
        with pytest.raises(Exception, match="tau is a share strictly between 0 and 1; got 2"):
            stages.wait()
        return [str(spec) for spec in stages.used]

    used = stages_of_one_backbone()
    assert len(used) == len(set(used)) == 6


def test_a_data_set_is_read_once_per_process(bench: Bench) -> None:
    assert identify(PAIRS, 0)[0] is identify(PAIRS, 0)[0]
    assert identify(PAIRS, 0)[1] == bench.dataset


@pytest.mark.parametrize("tagged", [False, True])
def test_runs_carry_backbone_and_stage_as_tags_where_they_are_asked_for(
    bench: Bench, tagged: bool
) -> None:
    @flow
    def one_stage() -> UUID:
        with tags("of the flow"):
            stages = Stages(bench.store, bench.backbone, "clip", 16, 0, tagged=tagged)
            stages.datasets([PAIRS])
            stages.wait()
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        return context.flow_run.id

    mine = FlowRunFilter(id=FlowRunFilterId(any_=[one_stage()]))
    deadline = time.monotonic() + 30
    with get_client(sync_client=True) as client:  # which writes task runs down by and by
        while not (runs := client.read_task_runs(flow_run_filter=mine)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert [set(run.tags) for run in runs] == [{"clip", "ingest"} if tagged else set()]
