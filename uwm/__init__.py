"""Unsafe Weights Manipulation (arXiv 2503.11742): the method, in torch alone.

Nothing here reads or writes files or knows of Prefect; `storage`, `tasks` and `flows` build on it.
The road from an activation to an edited weight: `observe` -> `statistics` -> `scoring` (Eq. 8-10)
-> `selection` (Eq. 11) -> `editing`. What the edit did: `safeground`, `retrieval`, `zeroshot`.
"""

__version__ = "0.1.0"
