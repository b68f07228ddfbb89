"""Records that are kept on nodes as JSON: read as they were written, or said to be damaged."""

from functools import cache, lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read(kind: type[T], text: str, path: str) -> T | None:
    """Read a record; None where there is none. Raises ValueError if it is damaged.

    + path: the file that it stands in
    """
    return _read(kind, text, path) if text.strip() else None


_adapter = cache(TypeAdapter[Any])


@lru_cache(maxsize=64)  # most nodes remember the same, of all servers, at each look
def _read(kind: type[T], text: str, path: str) -> T:
    try:
        found: T = _adapter(kind).validate_json(text)
    except ValidationError as problem:
        first = problem.errors()[0]
        what = ": ".join(map(str, (*first["loc"], first["msg"])))
        raise ValueError(f"{path} is damaged: {what}") from problem
    return found
