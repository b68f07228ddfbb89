"""The repository's web server, fast and slow."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from testbed.packages import serve

CONTENT = bytes(range(256)) * 100


@pytest.mark.parametrize(("rate", "pauses"), [("", 0), ("25600", 4)])
def test_a_file_comes_whole_and_as_slowly_as_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: str, pauses: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(serve, "_RATE", tmp_path / "rate")
    monkeypatch.setattr(serve.time, "sleep", slept.append)
    if rate:
        (tmp_path / "rate").write_text(rate)
    given = io.BytesIO()
    serve.Handler.copyfile(serve.Handler.__new__(serve.Handler), io.BytesIO(CONTENT), given)
    assert given.getvalue() == CONTENT
    assert len(slept) == pauses
    assert sum(slept) == pytest.approx(len(CONTENT) / 25600 if rate else 0)
