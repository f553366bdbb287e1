from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from storage.store.spec import Spec
from storage.store.store import Store
from tasks.cost import free
from tasks.stage import progress, stage, stage_of, submit


class Square(Spec):
    kind: ClassVar[str] = "squares"
    number: int


built: list[int] = []


@stage(Square, cost=free)
def square(specs: Sequence[Square], store: Store, batch_size: int) -> None:
    """Write squares."""
    for spec in specs:

        def build(folder: Path) -> None:
            built.append(spec.number)
            (folder / "square").write_text(str(spec.number**2 + batch_size))

        store.make(spec, build)


def test_a_stage_is_found_by_what_it_makes() -> None:
    found = stage_of(Square(number=1))
    assert found.task is square
    assert found.takes == ("batch_size",)


def test_what_a_class_of_specs_has_no_or_another_stage_for_is_an_error() -> None:
    class Cube(Spec):
        kind: ClassVar[str] = "cubes"

    with pytest.raises(LookupError, match="no stage makes a Cube"):
        stage_of(Cube(code=""))
    with pytest.raises(TypeError, match="Square has the stage square already"):

        @stage(Square, cost=free)
        def again(specs: Sequence[Square], store: Store) -> None: ...

    with pytest.raises(TypeError, match="another asks for colour"):

        @stage(Cube, cost=free)
        def another(specs: Sequence[Cube], store: Store, colour: str) -> None: ...


@flow
def squares(store: Store, numbers: list[int]) -> tuple[str | None, list[str]]:
    specs = [Square(code="", number=number) for number in numbers]
    run = submit(square, specs, store, batch_size=0, name="square · some")
    names = run.result()
    return run.state.name, names


@pytest.fixture
def store(tmp_path: Path, prefect_server: None) -> Store:
    built.clear()
    return Store(tmp_path)


def test_a_second_run_is_cached(store: Store) -> None:
    assert squares(store, [2, 3])[0] == "Completed"
    state, names = squares(store, [2, 3])
    assert state == "Cached"
    assert names == [str(Square(code="", number=number)) for number in (2, 3)]
    assert built == [2, 3]


def test_a_record_without_its_artifact_is_not_served(store: Store) -> None:
    squares(store, [2, 3])
    (store.path(Square(code="", number=3)) / "square").unlink()
    assert squares(store, [2, 3])[0] == "Completed"
    assert built == [2, 3, 3]
    assert squares(store, [2, 3])[0] == "Cached"


def test_an_artifact_without_its_record_is_not_built_again(store: Store) -> None:
    squares(store, [2])
    for record in (store.root / "records").iterdir():
        record.unlink()
    assert squares(store, [2])[0] == "Cached"
    assert built == [2]


def test_a_torn_record_is_made_anew(store: Store) -> None:
    squares(store, [2])
    for record in (store.root / "records").iterdir():
        record.write_text("{torn")
    assert squares(store, [2])[1] == [str(Square(code="", number=2))]
    assert built == [2]


def test_progress_ends_at_all(prefect_server: None) -> None:
    @flow
    def counting() -> None:
        with progress("counting", "things counted") as tell:
            for done in range(1, 4):
                tell(done, 3)

    counting()
    with get_client(sync_client=True) as client:
        key = ArtifactFilterKey(any_=["counting"])
        (found,) = client.read_artifacts(artifact_filter=ArtifactFilter(key=key))
    assert found.data == 100
    assert found.type == "progress"
