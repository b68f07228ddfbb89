"""The `pyinfra` of this environment: pyinfra's own, once what was typed can be a procedure at all.

A procedure is typed in the folder that config.py lies in, which pyinfra reads there, and with it
all else of this project. What is typed elsewhere, or is no procedure, does not get as far as that.
This is all that is installed; what is run is what lies in the folder where it is typed.
"""

import logging
import shlex
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import daos_start  # noqa: F401 - before pyinfra and what that loads

# isort: split
import click
from pyinfra import logger
from pyinfra_cli import cli
from pyinfra_cli.exceptions import CliError
from pyinfra_cli.main import main as pyinfra

_CONFIG, _PROJECT = "config.py", "operations"
_PROCEDURES = ("deploy.py", "deploys/*.py")
_INVENTORY = ": type inventory, or the name of your own file of nodes"


class Refused(CliError):
    """What was typed cannot be run.

    + code: as that of a finding, see docs/findings.md
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def show(self, file: Any = None) -> None:
        """Say it as a run says it."""
        click.secho(f"--> Refused: [{self.code}]: {self.message}", fg="red", err=True)


def main() -> None:
    """Run pyinfra."""
    cli._validate_operations = _judged(cli._validate_operations)
    logger.addFilter(_says_something)
    pyinfra()


def _says_something(record: logging.LogRecord) -> bool:
    """It comes before anybody can decide what is shown."""
    return record.msg != "--> Loading config..."


def _judged(validate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(validate)
    def judged(operations: tuple[str, ...], chdir: str | None) -> Any:
        first, *others = operations
        home = _home(first)
        if home and not chdir:
            _judge_place(first, home)
            _judge_words(others)
        return validate(operations, chdir)

    return judged


def _home(first: str) -> Path | None:
    """The folder of this procedure; None of what is none of this project."""
    if Path(first).is_file():
        return next((it for it in Path(first).absolute().parents if _is_home(it)), None)
    if not first.endswith(".py"):
        return None
    if _is_home(Path()):
        return Path.cwd()
    installed = Path(__file__).resolve().parents[1]
    return installed if (installed / first).is_file() else None


def _judge_place(first: str, home: Path) -> None:
    """Raises Refused where there is no such procedure here."""
    if home != Path.cwd():
        message = (
            f"{Path.cwd()} is not the folder of the procedure, which holds {_CONFIG} and "
            f"{_PROJECT}/: type `cd {shlex.quote(str(home))}`, and the same command from there"
        )
        raise Refused("wrong-folder", message)
    if not Path(first).is_file():
        there = sorted(str(it) for words in _PROCEDURES for it in Path().glob(words))
        raise Refused("no-procedure", f"there is no procedure {first}{_meant(first, there)}")


def _judge_words(others: Iterable[str]) -> None:
    """Raises Refused where they are settings, or where no nodes are named."""
    for word in others:
        if "=" in word:
            message = f"{word} is no procedure, but a setting: type --data {word}"
            raise Refused("no-procedure", message)
    inventory = str(click.get_current_context().params["inventory"])
    if not _names_nodes(inventory):
        there = sorted(it.name for it in Path().iterdir() if it.is_file())
        meant = _meant(inventory, there) if _near(inventory, there) else _INVENTORY
        raise Refused("no-inventory", f"there is no inventory {inventory}{meant}")


def _is_home(folder: Path) -> bool:
    return (folder / _CONFIG).is_file() and (folder / _PROJECT).is_dir()


def _names_nodes(inventory: str) -> bool:
    """Whether it is a file, or one of the other ways in which pyinfra takes nodes."""
    if Path(inventory).exists() or {",", "@", ":"} & set(inventory):
        return True
    try:
        return "." in inventory and find_spec(inventory.rpartition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _near(name: str, there: Iterable[str]) -> list[str]:
    return get_close_matches(name, there, n=1)


def _meant(name: str, there: list[str]) -> str:
    """What to type in its place."""
    near = _near(name, there)
    return f": did you mean {near[0]}?" if near else f": there are {', '.join(there)}"


if __name__ == "__main__":
    main()
