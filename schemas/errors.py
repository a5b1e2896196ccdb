"""The exception tree: every error that the project raises on purpose, on one screen.

Each message says what is wrong, what came, and what to do about it.

    InterestreamError
    ├── UsageError            the command or configuration cannot be carried out as asked   (exit 2)
    ├── SourceError           an input is missing, unreadable or of an unknown format        (exit 1)
    ├── StoreError            Redis is unreachable or holds something unexpected              (exit 1)
    ├── StateError            durable state is missing, damaged or of another version         (exit 1)
    └── JobError              the pipeline failed                                             (exit 1)
"""


class InterestreamError(Exception):
    """Base of all errors the project raises; `exit_code` is what the command line returns for it."""

    exit_code = 1


class UsageError(InterestreamError):
    """A flag, setting or argument cannot be used as given."""

    exit_code = 2


class SourceError(InterestreamError):
    """An input file, folder or stream is missing, unreadable or of an unknown format."""


class StoreError(InterestreamError):
    """Redis cannot be reached, or holds something that no version of this program wrote."""


class StateError(InterestreamError):
    """Durable state is missing, damaged or was written by another version."""


class JobError(InterestreamError):
    """The pipeline stopped before it was done."""
