"""Every error that the project raises on purpose, in one tree.

A message says the rule that was broken, the value that broke it and the remedy. `InputError` is the
user's to mend (the command line exits with 2); every other one means that a run failed (exit 1).
"""


class UWMError(Exception):
    """Root of the tree."""


class InputError(UWMError):
    """What the user gave cannot be used."""


class ConfigError(InputError):
    """A configuration breaks one or more rules; the message lists them all with their lines."""


class UnknownBackboneError(InputError):
    """No open_clip model or weights answer to this name."""


class MissingWeightsError(UnknownBackboneError):
    """A backbone's files are neither on this machine nor can they be fetched."""


class UnsafeWeightsError(UnknownBackboneError):
    """A weights file could run code when read, or is not what its name says."""


class UnsupportedFamilyError(InputError):
    """The backbone loads, but its towers have no linear layers that this version can edit."""


class UnknownRoleError(InputError):
    """A tower has no layer in the role asked for."""


class UnknownBlockError(InputError):
    """A tower has no layer to edit in the block asked for."""


class AuditError(UWMError):
    """None of an audit's backbones could be audited."""


class PluginError(InputError):
    """Code of the user's own cannot be loaded."""


class SourceError(InputError):
    """A data source is missing, unreadable or malformed."""


class MissingSetError(SourceError):
    """A benchmark's files are not where they were looked for; the message says the layout wanted.

    The one error of a source that an audit goes on without: it reports the set as missing.
    """


class PairingError(SourceError):
    """Safe and unsafe samples do not pair row by row."""


class StoreError(InputError):
    """The store's path cannot hold a store."""


class ServerError(InputError):
    """No Prefect server can be reached, or started."""


class LayerNotObservedError(UWMError):
    """An activation was asked for and never seen: the model uses a weight without its module."""


class NonFiniteScoreError(UWMError):
    """A score came out NaN or infinite."""


class NoGradientError(UWMError):
    """A loss does not depend on a layer that was to be scored by its gradient."""


class EmptySelectionError(UWMError):
    """A selection rule left no weight to edit."""


class MetricError(UWMError):
    """A metric's function returns something that cannot be a metric's values."""


class NotFiniteError(UWMError):
    """A tower computes NaN or infinity, of which every metric would still be a number."""


class NoEffectError(UWMError):
    """An edit changes no weight."""


class WrongWeightsError(UWMError):
    """An edit meets weights other than those it was made for."""


class DamagedArtifactError(UWMError):
    """Stored bytes are not those that were written."""


def install(extra: str) -> str:
    """What to type for an optional part of this project: `uwm` in an index may be another's."""
    return f"run `pip install -e '.[{extra}]'` in the folder with uwm's pyproject.toml"
