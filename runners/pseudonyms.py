"""Which secret a job's pseudonyms are made with, and that figures are never made with two."""

from collections.abc import Mapping

from runners.settings import Settings
from schemas.errors import UsageError
from schemas.pseudonyms import FINGERPRINT, Pseudonyms, read_pseudonyms


def pseudonyms_of(settings: Settings) -> Pseudonyms | None:
    """Return what replaces ids of users, None where they stay as they come."""
    return read_pseudonyms(settings.pseudonymize)


def described_pseudonyms(settings: Settings) -> dict[str, str]:
    """Return what a job's description says of its secret."""
    pseudonyms = pseudonyms_of(settings)
    return {FINGERPRINT: pseudonyms.fingerprint} if pseudonyms else {}


def check_same_pseudonyms(described: Mapping[str, str], settings: Settings) -> None:
    """Raise UsageError where figures stand in Redis that were made with another secret, or with none."""
    held, given = described.get(FINGERPRINT), described_pseudonyms(settings).get(FINGERPRINT)
    if not described or held == given:
        return
    made = f"pseudonyms of the secret {held}" if held else "user ids as they came"
    asked = f"those of {given}, by {settings.pseudonymize}" if given else "no --pseudonymize was given"
    mend = "Give the secret they were made with" if held else "Leave --pseudonymize out"
    raise UsageError(
        f"The figures under {settings.namespace!r} were made with {made}; {asked}. Every user would count twice. "
        f"{mend}, or --fresh to start over."
    )
