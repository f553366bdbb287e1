"""One thin Prefect task per stage: read artifacts, call the method, write an artifact.

Each module holds a stage's `Spec` and its task. `stage` is what they share: how Prefect caches a
task run by the artifacts it makes.
"""
