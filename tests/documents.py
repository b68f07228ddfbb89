"""The parts of documents that are made out of data: `make docs` writes them anew.

In a document such a part stands between two comments that name it; all around is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from . import findings_document
from .wrong import tables

ROOT = Path(__file__).parents[1]

# document, part, and what makes its text
PARTS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("docs/rules.md", "rules", tables.rules),
    ("docs/rules.md", "wrong procedures", tables.wrong_procedures),
    ("docs/findings.md", "findings", findings_document.text),
)
DOCUMENTS = sorted({document for document, _, _ in PARTS})


def made(document: str) -> str:
    """A document as it has to be, with all its parts made anew."""
    text = (ROOT / document).read_text()
    for path, name, make in PARTS:
        if path == document:
            text = _with(text, name, make())
    return text


def _with(text: str, name: str, part: str) -> str:
    begin, end = f"<!-- {name}: by `make docs` -->\n", f"<!-- end of {name} -->\n"
    assert text.count(begin) == text.count(end) == 1, f"there is no {begin}... {end}"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{part}\n\n{end}{rest.partition(end)[2]}"


def stale() -> Iterator[str]:
    """The documents that do not say what the data says."""
    return (document for document in DOCUMENTS if (ROOT / document).read_text() != made(document))


if __name__ == "__main__":
    for document in stale():
        (ROOT / document).write_text(made(document))
        print(f"written anew: {document}")
