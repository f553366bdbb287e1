"""A store and a model of it agree, whatever happens to it in whatever order."""

from __future__ import annotations

from hypothesis import settings

from tests.soak.machine import StoreMachine

TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
