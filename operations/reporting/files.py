"""The files of a run's report: report.json, and the page that is made of it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pyinfra import logger

from .folder import PAGE, REPORT, Folder
from .pace import Paced
from .page import page

_PAGE = 5.0  # seconds between two pages: a browser does not look again sooner
_json = json.JSONEncoder().encode


class Files:
    """What a run writes down; that it cannot (a full disk) is no reason to leave DAOS stopped.

    + content: gives the report as it is right now
    + made: is told the folder, once there is one
    """

    def __init__(
        self, began: datetime, content: Callable[[], dict[str, Any]], made: Callable[[Path], None]
    ) -> None:
        self._began, self._content, self._made = began, content, made
        self._folder: Folder | None = None
        self._written: dict[str, Any] = {}  # what report.json holds
        self._unwritable = False  # has that been said?
        self._report, self._page = Paced(self._write_report), Paced(self._write_page, _PAGE)

    @property
    def folder(self) -> Path | None:
        """The folder of the run; None where it could not be made, or is not yet."""
        return self._folder.path if self._folder else None

    def write(self) -> None:
        """Write down how it is by now; the page follows in its time, the first one at once."""
        self._report.now()
        if self._folder and PAGE in self._folder.written:
            self._page.soon()
        else:
            self._page.now()

    def soon(self) -> None:
        """There are news, which need not be written down at once."""
        self._report.soon()

    def is_on(self) -> None:
        """The run takes its steps now."""
        if self._folder:
            self._folder.is_on()

    def end(self, acted: bool) -> None:
        """The run is over: write all of it.

        + acted: whether it has stopped, updated or started something
        """
        self._report.now()
        self._page.now()
        if self._folder:
            self._folder.ends(acted)

    def forget(self) -> None:
        """Nothing came of the run."""
        self._report.stop()
        self._page.stop()
        if self._folder:
            self._folder.forget()

    def on_disk(self) -> tuple[str, Path | None]:
        """The report as it is right now, and its file, None where it cannot be written."""
        self.write()
        folder = self._folder
        path = folder.path / REPORT if folder and REPORT in folder.written else None
        return json.dumps(self._written), path and path.resolve()

    def where(self) -> Iterator[str]:
        """The files that tell more, in a line: those that are there, and are of this moment."""
        folder = self._folder
        names = [name for name in (REPORT, PAGE) if folder and name in folder.written]
        if folder and names == [REPORT, PAGE]:
            yield f"report: {folder.path}/{REPORT}, and {PAGE} for people"
        elif folder and names:
            yield f"report: {folder.path}/{names[0]}"
        else:
            yield "no report could be written to its end: make room where the command is typed"

    def _write_report(self) -> None:
        self._written = self._content()
        self._put(REPORT, in_lines(self._written).encode())

    def _write_page(self) -> None:
        """A run that went well does not fail for its picture."""
        try:
            # A file's name need not be UTF-8.
            text = page(self._written).encode(errors="backslashreplace")
        except Exception as problem:
            logger.warning(f"the report page could not be made: {problem!r}")
            return
        self._put(PAGE, text)

    def _put(self, name: str, content: bytes) -> None:
        try:
            if self._folder is None:
                self._folder = Folder(self._began)
                self._made(self._folder.path)
            problem = "" if self._folder.write(name, content) else self._folder.problem
        except OSError as error:
            problem = str(error)
        if problem and not self._unwritable:
            self._unwritable = True
            logger.warning(f"the report cannot be written, and the run goes on: {problem}")


def in_lines(content: Mapping[str, Any]) -> str:
    """A report as it is written: a line for each key, and below it for each node or step.

    Not with an indent of json's own, for which it takes ten times as long.
    """
    return _braced((f"{_json(key)}: {_below(value)}" for key, value in content.items()), "")


def _below(value: Any) -> str:
    if value and isinstance(value, dict):
        rows = (f"{_json(key)}: {_json(it)}" for key, it in value.items())
        return _braced(rows, "  ")
    if value and isinstance(value, list):
        return _braced(map(_json, value), "  ", "[]")
    return _json(value)


def _braced(rows: Iterable[str], indent: str, braces: str = "{}") -> str:
    inside = f",\n{indent}  ".join(rows)
    return f"{braces[0]}\n{indent}  {inside}\n{indent}{braces[1]}"
