"""What becomes of a finished audit: judged, kept for the next ones, and told as an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from prefect.events import emit_event

from flows.results.table import AuditResults
from flows.results.verdict import Verdict, figures, judge
from storage.formats.backbone_results import BackboneResults
from storage.store.history import KeptAudit, baseline, keep, record
from storage.store.store import Store
from uwm.config import AuditConfig

PASSED, REGRESSED, INCOMPLETE = (
    "uwm.audit.passed",
    "uwm.safety.regressed",
    "uwm.audit.incomplete",
)
"""Events of judged audits; the resource is `uwm.audit.NAME`."""


class Keeping:
    """The kept audits of one name, as an audit that begins finds them.

    Args:
        partial: whether only some of the audit's backbones are audited. They are held against the
            baseline, but what comes of them is not a record of the audit and never a baseline.

    Raises:
        InputError: the policy names an audit that was not kept.
    """

    def __init__(self, store: Store, config: AuditConfig, *, partial: bool = False) -> None:
        self._partial = partial
        self._backbones = {backbone.name for backbone in config.backbones}
        self._store, self._policy = store, config.policy
        self._base = baseline(store, config.name, config.policy.when if config.policy else None)
        if partial and self._base is not None:
            mine = [row for row in self._base.figures if row.backbone in self._backbones]
            self._base = self._base.model_copy(update={"figures": tuple(mine)})

    def judged(
        self,
        results: AuditResults,
        found: Mapping[str, BackboneResults],
        data: Mapping[str, str],
    ) -> tuple[KeptAudit, Verdict | None]:
        """The audit as it will be kept, and what its policy says of it.

        Args:
            data: content digests of benchmarks and zero-shot sets, by name.
        """
        audit = KeptAudit(
            name=results.config.name,
            when=datetime.now(UTC),
            data=data,
            evaluations={name: part.evaluations for name, part in found.items()},
            figures=figures(results.whole),
            verdict="not judged",
            accepted=not results.failures,
            failed=tuple(results.failures),
        )
        if self._policy is None:
            return audit, None
        verdict = judge(self._store, self._policy, results.metrics, audit, self._base)
        said = {
            "verdict": "passed" if verdict.passed else "regressed",
            "broken": tuple(map(str, verdict.broken)),
            "accepted": verdict.passed and not results.failures,
        }
        return audit.model_copy(update=said), verdict

    def keep(self, audit: KeptAudit, found: Mapping[str, BackboneResults]) -> None:
        """Keep the audit; the store keeps what it stands on and what it was compared with.

        A partial one only adds what its backbones stand on.
        """
        if not self._partial:
            keep(self._store, audit)
        compared = [
            name
            for methods in (self._base.evaluations if self._base else {}).values()
            for names in methods.values()
            for name in names
        ]
        record(
            self._store,
            audit.name,
            "audit",
            {name: part.used for name, part in found.items()},
            backbones=None if self._partial else self._backbones,
            baseline=compared,
        )


def announce(results: AuditResults, report: Path) -> None:
    """Emit the event of a judged audit, for automations to react to; of others there is none."""
    name, verdict = results.config.name, results.verdict
    if verdict is None:
        return
    passed = INCOMPLETE if results.failures else PASSED
    emit_event(
        passed if verdict.passed else REGRESSED,
        resource={"prefect.resource.id": f"uwm.audit.{name}", "prefect.resource.name": name},
        payload={
            "verdict": verdict.sentence,
            "broken": list(map(str, verdict.broken)),
            "failures": dict(results.failures),
            "baseline": verdict.baseline.isoformat() if verdict.baseline else None,
            "report": str(report.resolve()),
        },
    )
