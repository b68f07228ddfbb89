"""Where all is said: nothing that came from a node reaches a terminal but as text, and no password.

pyinfra has two ways to a terminal, click's `style` and `echo`. A text is made visible before it is
styled, and what is styled is marked, so that `echo` tells the colours of pyinfra from those of
somebody's names. Nobody can know the mark before the run.
"""

import logging
import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from pyinfra import logger
from pyinfra.api import output

from ..daos.shown import in_one_piece, visible
from ..rules.secrets import masked

_ESCAPE = "\x1b"
_MARK = f"\x00{secrets.token_hex(8)}\x00"
_COLOUR = re.compile(rf"{_MARK}\[[0-9;]*m")


def mend() -> None:
    """Have all that is said be visible; config.py calls this."""
    if hasattr(click.echo, "__wrapped__"):  # it is so already
        return
    style, echo = _styling(click.style), _echoing(click.echo)
    for module in (click, click.termui, click.utils):
        for name, mended in (("style", style), ("echo", echo)):
            if hasattr(module, name):
                setattr(module, name, mended)
    output.set_formatter(style)
    output.set_echo(echo)
    logger.addFilter(_Whole())


def plain(text: str) -> str:
    """What is about to be said, without the colours that pyinfra gave it."""
    return _COLOUR.sub("", text)


class _Whole(logging.Filter):
    """No line of a message can be taken for another message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Returns True: nothing is left out."""
        if isinstance(record.msg, str):
            message = masked(record.getMessage()).split(_MARK)
            record.msg, record.args = _MARK.join(map(in_one_piece, message)), None
        return True


def _visible(text: str) -> str:
    return _MARK.join(map(visible, masked(text).split(_MARK)))


def _styling(style: Callable[..., str]) -> Callable[..., str]:
    @wraps(style)
    def styled(text: Any, *arguments: Any, **options: Any) -> str:
        return style(_visible(str(text)), *arguments, **options).replace(_ESCAPE, _MARK)

    return styled


def _echoing(echo: Callable[..., None]) -> Callable[..., None]:
    @wraps(echo)
    def echoed(message: Any = None, *arguments: Any, **options: Any) -> None:
        if message is not None and not isinstance(message, bytes | bytearray):
            message = _visible(str(message)).replace(_MARK, _ESCAPE)
        echo(message, *arguments, **options)

    return echoed
