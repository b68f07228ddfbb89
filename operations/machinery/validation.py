"""Settings that pydantic reads, and what is wrong with them in sentences of ours."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

_SAID = "said"  # the type of an error whose message is a sentence of ours


class Site(BaseModel):
    """Settings of a site. Each has a default, and around its type an `otherwise`."""

    model_config = ConfigDict(frozen=True, strict=True)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> tuple[Self, list[str]]:
        """Read the settings, with the default of each that is wrong; and all that is wrong."""
        try:
            return cls.model_validate(dict(data)), []
        except ValidationError as problem:
            errors = problem.errors()
        wrong = {error["loc"][0] for error in errors}
        right = {name: value for name, value in data.items() if name not in wrong}
        return cls.model_validate(right), [_sentence(e) for e in errors if e["type"] == _SAID]

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """The settings by the names that a site gives them, each with its default."""
        return {field.alias or name: field.default for name, field in cls.model_fields.items()}


def otherwise(sentence: str) -> WrapValidator:
    """What is said of a value that is not of its type, unless it is said of a part of it already.

    + sentence: with {name} for the setting, {where} for it or its entry, and {value}
    """

    def read(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError as problem:
            if any(error["type"] == _SAID for error in problem.errors()):
                raise
            raise PydanticCustomError(_SAID, sentence) from None

    return WrapValidator(read)


def wrong(sentence: str) -> PydanticCustomError:
    """What a validator raises that has a sentence of its own, as in `otherwise`."""
    return PydanticCustomError(_SAID, sentence)


def one_of(words: Iterable[str], wrong: str = "is {value!r}") -> BeforeValidator:
    """The value has to be one of these words.

    + wrong: what another one is, as in `otherwise`
    """
    known = tuple(words)

    def read(value: object) -> object:
        if value not in known:
            raise PydanticCustomError(_SAID, f"{{where}} {wrong}; there are {', '.join(known)}")
        return value

    return BeforeValidator(read)


def _is_given(value: object) -> object:
    if value is None:
        raise PydanticCustomError(_SAID, "{where} is not set")
    return value


GIVEN = BeforeValidator(_is_given)

Count = Annotated[
    int, Field(ge=0), otherwise("{name} is {value!r}, not a whole number of 0 or more")
]
Truth = Annotated[bool, otherwise("{name} is {value!r}, not True or False")]


def _sentence(error: ErrorDetails) -> str:
    name, *inner = error["loc"]
    where = f"{name}[{inner[0]!r}]" if inner else name
    return error["msg"].format(name=name, where=where, value=error["input"])
