"""Records that are kept on nodes as JSON: read as they were written, or said to be damaged."""

from functools import cache, lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read(kind: type[T], text: str, path: str) -> T | None:
    """Read a record; None where there is none. Raises ValueError if it is damaged.

    + path: the file that it stands in
    """
    known: Any = kind  # which mypy does not take for hashable
    return _read(known, text, path) if text.strip() else None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@lru_cache(maxsize=64)  # most nodes remember the same, of all servers, at each look
def _read(kind: Any, text: str, path: str) -> Any:
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError as problem:
        first = problem.errors()[0]
        what = ": ".join(map(str, (*first["loc"], first["msg"])))
        raise ValueError(f"{path} is damaged: {what}") from problem
