"""The address of a Redis stream: `redis://HOST:PORT/DB?stream=KEY`, or any other of Redis with `stream=KEY` in it.

>>> split_stream_url("redis://localhost:6379/0?stream=events")
('redis://localhost:6379/0', 'events')
>>> split_stream_url("unix:///tmp/redis.sock?db=1&stream=events")
('unix:///tmp/redis.sock?db=1', 'events')
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

from schemas.errors import UsageError
from transforms.io.redis_url import SCHEMES


def split_stream_url(url: str) -> tuple[str, str]:
    """Return the Redis's URL and the stream's key; UsageError if either is missing."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query)
    keys = [value for name, value in query if name == "stream"]
    if parts.scheme not in SCHEMES or len(keys) != 1:
        raise UsageError(f"A stream is written redis://HOST:PORT/DB?stream=KEY; it is {url!r}.")
    others = urlencode([(name, value) for name, value in query if name != "stream"])
    # Put together by hand: urlunsplit would drop the empty host of unix:///path.
    return f"{parts.scheme}://{parts.netloc}{parts.path}" + (f"?{others}" if others else ""), keys[0]
