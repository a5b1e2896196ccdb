"""The reference of the HTTP API, written from what the server says of itself.

python tests/docs/http_reference.py > docs/reference/http.md
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# HTTP API

Written from the server's own description by `python tests/docs/http_reference.py > docs/reference/http.md`, and a test keeps
it so. A running server has it at `/openapi.json` (OpenAPI 3.1), with the fields of every answer. How to run one:
[Serve over HTTP](../how-to/serve.md).

- Answers are JSON, or MessagePack (`Accept: application/msgpack`), or, where they have rows, an Arrow IPC stream
  (`application/vnd.apache.arrow.stream`) whose schema's metadata `interestream` holds all else as JSON.
- Every answer says `as_of` (the watermark that the figures are true as of), `age_ms`, `stale` (older than
  `--max-staleness`), `whole` (figures of one moment), `job_status`, `currency`, `timezone` and `synthetic`.
- Money is in minor units (`_minor`), moments are RFC 3339 in UTC. Null is "not known" or "does not apply", never 0.
- Errors are problem details (RFC 9457, `application/problem+json`) with a `hint` at what to do.
"""
TAIL = """\

## Problems

| status | when |
|---|---|
| 400 | a parameter or a body cannot be meant; the host asked for is not this server |
| 401 | no key came, or one that is not known |
| 403 | the key may not do this, or is of another merchant |
| 404 | there is no such path, scope, channel or programme, or no features are published |
| 405 | the path has other methods |
| 406 | no form of the answer is acceptable |
| 409 | parameters exclude each other: bounds of time on `total`, an id without its scope |
| 413 | the body is larger than 1 MiB |
| 415 | the body is not JSON |
| 429 | too many requests of one client; `Retry-After` says how long to wait |
| 500 | a fault of the server |
| 503 | Redis is away, or nothing is published (`/readyz`) |

## The stream

`GET /v1/stream` gives server-sent events. Each has the id of an entry of the Redis stream `NS:{s}:changes`, so that a client
that reconnects with `Last-Event-ID` is told at once what changed since.

| event | means |
|---|---|
| `update` | `changed` names what did since the event before, null in the first one: everything |
| `resync` | something was missed: the client was slow, or its last id is too old. Look at everything again |

What changed is a kind (a scope, `attribution`, `funnel`), a window, and the first and the last start of those that did.
Where `scope` and `id` are given, `figures` are that id's in total. A comment line comes every 15 seconds where nothing else
does. There are at most four events a second; changes that come closer together are told as one.
"""


def reference() -> str:
    """Return the page."""
    from serving.http.config import ServeConfig
    from serving.http.endpoints import ENDPOINTS
    from serving.http.openapi import openapi

    document = openapi(ENDPOINTS, ServeConfig())
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    access = {endpoint.name: endpoint.access for endpoint in ENDPOINTS} | {
        "stream": "read",
        "meters": "operate",
    }
    return HEAD + "".join(
        part for each in operations for part in _section(*each, access.get(each[2]["operationId"], "no key"))
    ) + TAIL  # fmt: skip


def _section(method: str, path: str, operation: dict[str, Any], access: str) -> Iterator[str]:
    yield f"\n## `{method} {path}`\n\n{operation['summary']} Needs: {f'`{access}`' if ' ' not in access else access}.\n"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "\n| parameter | | may be | default |\n|---|---|---|---|\n"
        for each in parameters:
            default = each["schema"].get("default")
            yield (
                f"| `{each['name']}` | {each.get('description', '')} | {_kind(each['schema'])} "
                f"| {'required' if each['required'] else '' if default is None else f'`{default}`'} |\n"
            )
    answer = operation["responses"]["200"]
    yield f"\nAnswer: {answer['description']}\n"


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " ".join(f"`{each}`" for each in schema["enum"])
    if schema["type"] == "integer":
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    return "a moment" if "anyOf" in schema else "text"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.stdout.write(reference())
