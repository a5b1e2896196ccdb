"""What the figures belong to, and what they are true as of."""

from dataclasses import dataclass

from schemas.keys import job_key, progress_key
from schemas.metrics import DEFAULT_ATTRIBUTION_WINDOW, SCOPES
from schemas.pseudonyms import FINGERPRINT
from serving.access import Store, read_each

DEFAULT_TIMEZONE = "Asia/Shanghai"
"""Of the specification's days, for figures whose job does not say."""


@dataclass(frozen=True)
class JobState:
    """The description of the job that wrote the figures, and how far it has come; empty where none ran."""

    description: dict[str, str]
    progress: dict[str, str]

    @property
    def timezone(self) -> str:
        """The zone whose midnights begin the days."""
        return self.description.get("timezone", DEFAULT_TIMEZONE)

    @property
    def currency(self) -> str | None:
        """The currency of every amount."""
        return self.description.get("currency")

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that are published; all, where the job does not say."""
        return tuple(self.description.get("scopes", " ".join(SCOPES)).split())

    @property
    def synthetic(self) -> bool:
        """Whether the events were simulated, by `interestream simulate`, so that nobody takes them for real."""
        return self.description.get("synthetic") == "1"

    @property
    def attribution_windows(self) -> tuple[str, ...]:
        """The attribution windows that credit is published under; none where nothing is credited."""
        return tuple(self.description.get("attribution_windows", DEFAULT_ATTRIBUTION_WINDOW).split())

    @property
    def pseudonyms(self) -> str | None:
        """The fingerprint of the secret that pseudonyms of users are made with; None where the job makes none."""
        return self.description.get(FINGERPRINT)

    @property
    def as_of_ms(self) -> int | None:
        """The event time that the figures are true as of, in UTC milliseconds."""
        text = self.progress.get("as_of_ms")
        return int(text) if text else None


def read_job(store: Store) -> JobState:
    """Read both descriptions in one round trip."""
    described, progressed = read_each(
        store, [("HGETALL", job_key(store.namespace)), ("HGETALL", progress_key(store.namespace))]
    )
    return job_of(described, progressed)


def job_of(described: dict[bytes, bytes], progressed: dict[bytes, bytes]) -> JobState:
    """Return a job from what its two hashes hold."""
    return JobState(_text(described), _text(progressed))


def _text(fields: dict[bytes, bytes]) -> dict[str, str]:
    return {key.decode(): value.decode(errors="replace") for key, value in fields.items()}
