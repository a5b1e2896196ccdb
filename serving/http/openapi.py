"""`/openapi.json`, from the endpoints themselves."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from importlib import metadata
from typing import Any, Final

import msgspec

from serving.http.answers import ARROW, JSON, MSGPACK
from serving.http.config import ServeConfig
from serving.http.endpoint import Endpoint
from serving.http.health import Health, Readiness
from serving.http.meters import METERS_PATH
from serving.http.problems import PROBLEM_JSON, Problem
from serving.http.stream import EVENT_STREAM, PATH, StreamQuery

_STATUSES: Final = (400, 401, 403, 404, 406, 409, 413, 415, 429, 500, 503)
_REF: Final = "#/components/schemas/{name}"
_KEYS: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "token": {"type": "http", "scheme": "bearer"},
}
Document = dict[str, Any]


def openapi(endpoints: Sequence[Endpoint], config: ServeConfig) -> Document:
    """Return the description of a server (OpenAPI 3.1)."""
    types = [Problem, Health, Readiness, *(endpoint.answer for endpoint in endpoints)]
    types += [endpoint.body_type for endpoint in endpoints if endpoint.body_type]
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    paths: Document = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, config)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "interestream",
            "version": metadata.version("interestream"),
            "description": "Figures, attribution and recommendations of interest e-commerce, as they are published.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths | {PATH: {"get": _stream(config)}, METERS_PATH: {"get": _meters(config)}} | _health(),
        "components": {
            "schemas": schemas,
            "responses": {str(status): _problem(status) for status in _STATUSES},
            **({"securitySchemes": _KEYS} if config.asks_for_keys else {}),
        },
    }  # fmt: skip


def _operation(endpoint: Endpoint, config: ServeConfig) -> Document:
    statuses = [400, 406, 409, 429, 500, 503]
    path_parameters = list(_parameters(endpoint.path_type, "path"))
    statuses += [404] if path_parameters else []
    operation: Document = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [*path_parameters, *_parameters(endpoint.query_type, "query")],
    }
    if endpoint.body_type is not None:
        statuses += [404, 413, 415]
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(endpoint.body_type)}}}
    forms: Document = {JSON: {"schema": _ref(endpoint.answer)}, MSGPACK: {}}
    if "rows" in endpoint.answer.__struct_fields__:
        forms[ARROW] = {}
    operation["responses"] = {"200": {"description": _doc(endpoint.answer), "content": forms}}
    return _guarded(operation, statuses, config)


def _guarded(operation: Document, statuses: Iterable[int], config: ServeConfig) -> Document:
    """Add what may go wrong, and the keys where any are asked for."""
    statuses = [*statuses, *((401, 403) if config.asks_for_keys else ())]
    operation["responses"] |= {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)
    }
    if config.asks_for_keys:
        operation["security"] = [{name: []} for name in _KEYS]
    return operation


def _parameters(kind: type[msgspec.Struct], where: str) -> Iterable[Document]:
    _, schemas = msgspec.json.schema_components([kind], ref_template=_REF)
    described = schemas[kind.__name__]
    for name, schema in described["properties"].items():
        known = _without_null(schema)
        parameter: Document = {"name": name, "in": where, "required": name in described.get("required", ())}
        if "description" in known:
            parameter["description"] = known.pop("description")
        yield parameter | {"schema": known}


def _without_null(schema: Document) -> Document:
    """Return a parameter's schema: what is left out is never null."""
    held = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    if "anyOf" in held and any(each.get("type") == "null" for each in held["anyOf"]):
        others = [each for each in held.pop("anyOf") if each.get("type") != "null"]
        held |= others[0]
    return held


def _stream(config: ServeConfig) -> Document:
    last_id = {
        "name": "Last-Event-ID", "in": "header", "required": False,
        "description": "The id of the last event that came: what changed since is told at once.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,18}$"},
    }  # fmt: skip
    operation: Document = {
        "operationId": "stream",
        "summary": "Server-sent events: what changed, at most four times a second.",
        "description": "Events are `update`, and `resync` after something was missed; their data is one JSON document.",
        "parameters": [*_parameters(StreamQuery, "query"), last_id],
        "responses": {"200": {"description": "Events without end.", "content": {EVENT_STREAM: {}}}},
    }
    return _guarded(operation, (400, 409, 429, 500, 503), config)


def _meters(config: ServeConfig) -> Document:
    operation: Document = {
        "operationId": "meters",
        "summary": "What Prometheus reads: of the server, and of how far the pipeline has got.",
        "responses": {"200": {"description": "Prometheus' text format.", "content": {"text/plain": {}}}},
    }
    return _guarded(operation, (400, 429, 500), config)


def _health() -> Document:
    return {
        "/healthz": {"get": _look("healthz", "Whether the server runs.", Health, ())},
        "/readyz": {"get": _look("readyz", "Whether it can answer.", Readiness, (503,))},
    }


def _look(name: str, summary: str, answer: type[msgspec.Struct], further: tuple[int, ...]) -> Document:
    """Return an operation without parameters that asks for no key."""
    responses: Document = {"200": {"description": _doc(answer), "content": {JSON: {"schema": _ref(answer)}}}}
    responses |= {
        str(status): {"$ref": f"#/components/responses/{status}"} for status in (400, 429, 500, *further)
    }
    return {"operationId": name, "summary": summary, "responses": responses}


def _problem(status: int) -> Document:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM_JSON: {"schema": _ref(Problem)}},
    }


def _ref(kind: type[msgspec.Struct]) -> Document:
    return {"$ref": _REF.format(name=kind.__name__)}


def _doc(kind: type[msgspec.Struct]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
