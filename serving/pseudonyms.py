"""From the ids that users have to those they are stored under, held to the secret that a job's pseudonyms were made with.

>>> from serving.job import JobState
>>> kept = JobState({"pseudonyms": Pseudonyms(b"0" * 32).fingerprint}, {})
>>> who = Pseudonyms(b"0" * 32).of("u1")
>>> stored_user(kept, Pseudonyms(b"0" * 32), "u1") == stored_user(kept, None, who) == who
True
>>> stored_user(kept, None, "u1")
Traceback (most recent call last):
schemas.errors.UsageError: Users stand under pseudonyms here, and 'u1' is none. Give the secret with --pseudonymize.
"""

from collections.abc import Sequence

from schemas.errors import UsageError
from schemas.features.identity import PERSONAL
from schemas.pseudonyms import Pseudonyms, is_pseudonym
from serving.job import JobState


def stored_user(job: JobState, pseudonyms: Pseudonyms | None, user_id: str) -> str:
    """Return what a user stands under: with a secret the pseudonym, without one the id as it is given.

    Raises UsageError where the job's secret is another, or where the id can be nobody's: nothing would be found, and who
    asks for somebody to be forgotten must not be told that it was done.
    """
    check_pseudonyms(job, pseudonyms)
    if pseudonyms is not None:
        return pseudonyms.of(user_id)
    if job.pseudonyms and not is_pseudonym(user_id):
        raise UsageError(
            f"Users stand under pseudonyms here, and {user_id!r} is none. Give the secret with --pseudonymize."
        )
    return user_id


def stored_entity(
    job: JobState, pseudonyms: Pseudonyms | None, fields: Sequence[str], ids: Sequence[str]
) -> list[str]:
    """Return the ids that an entity of these fields stands under; see `stored_user`."""
    if len(fields) != len(ids):
        raise UsageError(f"{'+'.join(fields)} needs {len(fields)} ids; {len(ids)} came.")
    return [
        stored_user(job, pseudonyms, each) if name in PERSONAL else each
        for name, each in zip(fields, ids, strict=True)
    ]


def check_pseudonyms(job: JobState, pseudonyms: Pseudonyms | None) -> None:
    """Raise UsageError where a job says that its pseudonyms are made with another secret than this."""
    if pseudonyms is not None and job.pseudonyms not in (None, pseudonyms.fingerprint):
        raise UsageError(
            f"The job's pseudonyms are made with the secret {job.pseudonyms}; the one given is {pseudonyms.fingerprint}. "
            "Give --pseudonymize the job's."
        )
