"""From a request to an endpoint and back: who asks, what for, may they, and the answer in the form they accept."""

import re
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serving.http.answers import chosen_form, encoded
from serving.http.endpoint import Asked, Endpoint
from serving.http.problems import RequestError
from serving.http.service import Service

LARGEST_BODY: Final = 1 << 20
S = TypeVar("S", bound=msgspec.Struct)


def route_of(endpoint: Endpoint, service: Service) -> Route:
    """Return the route that answers an endpoint's requests."""

    async def answer(request: Request) -> Response:
        began, status = time.perf_counter(), 500
        try:
            response = await answered(request)
            status = response.status_code
        except RequestError as error:
            status = error.status
            raise
        finally:
            service.meters.note(endpoint.name, status, time.perf_counter() - began)
        return response

    async def answered(request: Request) -> Response:
        principal = service.doorkeeper.admit(request.headers)
        path = path_of(endpoint.path_type, request.path_params)
        query = query_of(endpoint.query_type, request.query_params)
        body = None if endpoint.body_type is None else await body_of(endpoint.body_type, request)
        asked = Asked(service, principal, path, query, body)
        principal.check(endpoint.access, endpoint.of_whom(asked))
        form = chosen_form(request.headers.get("accept", ""))
        found = await endpoint.handle(asked)
        return Response(encoded(found, form), media_type=form, headers={"Vary": "Accept"})

    return Route(route_path(endpoint.path), answer, methods=[endpoint.method], name=endpoint.name)


def route_path(path: str) -> str:
    """Return a path as Starlette takes it: an id at its end may have slashes, and whatever else ids have.

    >>> route_path("/v1/metrics/{scope}/{id}")
    '/v1/metrics/{scope}/{id:rest}'
    """
    return f"{path.removesuffix('}')}:rest}}" if path.endswith("}") else path


class _Rest(Convertor[str]):
    """All that is left of a path."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


register_url_convertor("rest", _Rest())


def path_of(kind: type[S], given: Mapping[str, Any]) -> S:
    """Return a path's parameters; raises RequestError (404) for what no path can be."""
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        raise RequestError(404, f"There is nothing here: {error}.") from None


def query_of(kind: type[S], given: QueryParams) -> S:
    """Return a query's parameters; raises RequestError (400) for one that is unknown, twice there, or out of bounds."""
    names = [name for name, _ in given.multi_items()]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(400, f"`{twice}` is given more than once.")
    numbers, flags = _of_type(kind, msgspec.inspect.IntType), _of_type(kind, msgspec.inspect.BoolType)
    typed = {
        name: _number(text) if name in numbers else _FLAGS.get(text, text) if name in flags else text
        for name, text in given.items()
    }
    try:
        return msgspec.convert(typed, kind)
    except msgspec.ValidationError as error:
        raise RequestError(400, f"The query cannot be meant: {error}.") from None


_FLAGS = {"true": True, "false": False}


@cache
def _of_type(kind: type[msgspec.Struct], wanted: type[msgspec.inspect.Type]) -> frozenset[str]:
    """Return the names of the parameters of a type; what is no number and no flag is text, whatever it looks like."""
    return frozenset(
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if _is_of(msgspec.inspect.type_info(field.type), wanted)
    )


def _is_of(kind: msgspec.inspect.Type, wanted: type[msgspec.inspect.Type]) -> bool:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _is_of(kind.type, wanted)
    return isinstance(kind, wanted)


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch("-?[0-9]{1,18}", text, re.ASCII) else text


async def body_of(kind: type[S], request: Request) -> S:
    """Return a JSON body; raises RequestError (413, 415, 400) for one that is too large, no JSON, or another."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise RequestError(415, f"The body must be application/json; it is {media or 'of no type'}.")
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LARGEST_BODY:
            raise RequestError(413, f"The body is larger than {LARGEST_BODY} bytes.")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise RequestError(400, f"The body cannot be meant: {error}.") from None
    except UnicodeDecodeError:
        raise RequestError(400, "The body is no UTF-8.") from None
