"""Records that are kept on nodes as JSON: read as they were written, or said to be damaged."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read(kind: type[T], text: str, path: str) -> T | None:
    """Read a record; None where there is none. Raises ValueError if it is damaged.

    + path: the file that it stands in
    """
    shared: Callable[..., T | None] = _read  # whose own type takes no class
    return shared(kind, text, path)


@lru_cache(maxsize=64)  # thousands of nodes remember the same
def _read(kind: Any, text: str, path: str) -> Any:
    if not text.strip():
        return None
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as problem:
        first = problem.errors()[0]
        what = ": ".join(map(str, (*first["loc"], first["msg"])))
        raise ValueError(f"{path} is damaged: {what}") from problem
