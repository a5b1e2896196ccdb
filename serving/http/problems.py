"""Errors as RFC 9457 problem details, each with a hint at what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

PROBLEM_JSON: Final = "application/problem+json"
HINTS: Final = {
    400: "Look at /openapi.json for the parameters and what they may be.",
    401: "Send `Authorization: Bearer KEY` or `X-API-Key: KEY`.",
    403: "Ask with a key that has the scope, or for what your key may see.",
    404: "Look at /openapi.json for the paths that there are.",
    405: "Use one of the methods in the Allow header.",
    406: "Accept application/json, application/msgpack or application/vnd.apache.arrow.stream.",
    409: "Leave one of the parameters out.",
    413: "Send less at once.",
    415: "Send application/json.",
    429: "Wait as long as Retry-After says.",
    500: "Report it with what was asked; the server's log has the traceback.",
    503: "Try again; /readyz says what is missing.",
}


class Problem(msgspec.Struct, omit_defaults=True):
    """What went wrong (RFC 9457): `detail` of this time, `hint` at what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    hint: str


class RequestError(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self, status: int, detail: str, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint, self.headers = status, detail, hint, dict(headers or {})


def problem_response(error: RequestError) -> Response:
    """Return the answer to a request that failed."""
    return Response(msgspec.json.encode(problem(error)), error.status, error.headers, media_type=PROBLEM_JSON)


def problem(error: RequestError) -> Problem:
    """Return an error's details.

    >>> problem(RequestError(404, "There is no programme 'x'.", "There are: none yet.")).type
    'urn:interestream:problem:not-found'
    """
    title = HTTPStatus(error.status).phrase
    hint = error.hint or HINTS.get(error.status, HINTS[400])
    name = title.lower().replace(" ", "-")
    return Problem(f"urn:interestream:problem:{name}", title, error.status, error.detail, hint)
