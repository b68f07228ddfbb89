"""What a migration remembers: it comes back as it was written, and damage is known as that."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.migration.record.memory import writing
from operations.migration.record.record import PATH, Container, Migration, Pool

from ..operations.any_values import JSON

# As the tool has written it since its first release.
CONTENT = {
    "system": "daos_server",
    "began": "2026-11-22T10:00:00+00:00",
    "before": "1.2.0",
    "after": "2.0.3",
    "token": "0123456789abcdef",
    "servers": ["s1", "s2"],
    "ranks": [0, 1],
    "pools": [
        {"uuid": "p", "label": "tank", "tier_bytes": [8, 80], "new_uuid": "", "service": [0]}
    ],
    "containers": [
        {
            "pool": "p",
            "uuid": "c",
            "type": "POSIX",
            "label": "home",
            "files": 3,
            "bytes": 4096,
            "manifest": "abc",
            "way": "serial",
            "backed_up": "2026-11-22T11:00:00+00:00",
            "verified": "",
            "unchanged": "",
            "new_pool": "",
            "new_uuid": "",
            "restored": "",
        }
    ],
    "left_behind": ["d"],
    "compared": "",
    "starts": {"s1": {"daos_server": 60.25}},
    "formatting": "",
    "done": {"check": "2026-11-22T10:05:00+00:00"},
}
TEXT = json.dumps(CONTENT, indent=1)
# What was there from the first day on; the rest may be missing.
NEEDED = (
    *("system", "began", "before", "after"),
    *("servers", "ranks", "pools", "containers", "left_behind"),
)

_TEXTS = st.lists(st.text(), max_size=3).map(tuple)
_NUMBERS = st.lists(st.integers(), max_size=3).map(tuple)
_NAMED = st.dictionaries(st.text(), st.text(), max_size=3)
_POOLS = st.builds(Pool, tier_bytes=_NUMBERS, service=_NUMBERS, new_uuid=st.text())
_CONTAINERS = st.builds(Container, files=st.integers(), bytes=st.integers(), restored=st.text())
_MIGRATIONS = st.builds(
    Migration,
    servers=_TEXTS,
    ranks=_NUMBERS,
    pools=st.lists(_POOLS, max_size=3).map(tuple),
    containers=st.lists(_CONTAINERS, max_size=3).map(tuple),
    left_behind=_TEXTS,
    starts=st.dictionaries(
        st.text(), st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=2), max_size=2
    ),
    done=_NAMED,
)


def test_the_file_is_read_and_written_as_ever() -> None:
    record = Migration.parse(TEXT)
    assert record is not None
    assert record.pools == (Pool("p", "tank", (8, 80), service=(0,)),)
    [backed_up] = [c.backed_up for c in record.containers if c.uuid == "c"]
    assert backed_up == "2026-11-22T11:00:00+00:00"
    assert record.text() == TEXT
    assert Migration.parse("") is None


@given(_MIGRATIONS)
def test_every_record_comes_back(record: Migration) -> None:
    assert Migration.parse(record.text()) == record


def test_what_came_later_may_be_missing() -> None:
    pools = [{"uuid": "p", "label": "tank", "tier_bytes": [8, 80]}]
    containers = [{"pool": "p", "uuid": "c", "type": "POSIX"}]
    least = {**{name: CONTENT[name] for name in NEEDED}, "pools": pools, "containers": containers}
    record = Migration.parse(json.dumps(least))
    assert record is not None
    assert (record.token, record.done, record.starts) == ("", {}, {})
    assert record.containers == (Container("p", "c", "POSIX"),)


@pytest.mark.parametrize("missing", NEEDED)
def test_what_was_there_from_the_first_day_on_may_not(missing: str) -> None:
    content = {name: value for name, value in CONTENT.items() if name != missing}
    with pytest.raises(ValueError, match=f"^{PATH} is damaged: {missing}: "):
        Migration.parse(json.dumps(content))


@pytest.mark.parametrize("compared", ["2026-11-22T11:00:00", "yesterday", "1700000000"])
def test_a_time_that_is_compared_with_others_has_a_zone(compared: str) -> None:
    with pytest.raises(ValueError, match=f"^{PATH} is damaged: compared: "):
        Migration.parse(json.dumps({**CONTENT, "compared": compared}))


def test_what_is_not_known_here_would_be_lost_and_is_refused() -> None:
    with pytest.raises(ValueError, match=f"^{PATH} is damaged: later: "):
        Migration.parse(json.dumps({**CONTENT, "later": 1}))


@given(st.dictionaries(st.sampled_from(list(CONTENT)), JSON, min_size=1, max_size=2))
def test_a_record_is_read_or_damaged(changes: dict[str, Any]) -> None:
    try:
        record = Migration.parse(json.dumps({**CONTENT, **changes}))
    except ValueError as problem:
        assert str(problem).startswith(f"{PATH} is damaged: ")
    else:
        assert record is not None
        text = json.dumps(json.loads(record.text()))
        assert json.dumps(json.loads((Migration.parse(text) or record).text())) == text


@given(st.integers(1, len(TEXT) - 1))
def test_a_record_that_is_cut_short_is_damaged(length: int) -> None:
    with pytest.raises(ValueError, match="is damaged"):
        Migration.parse(TEXT[:length])


@pytest.mark.parametrize("size", [0, 7, 65536, 65537, 200_000])
def test_a_file_is_written_by_commands_alone_and_is_whole_or_not_there(
    tmp_path: Path, size: int
) -> None:
    """What can be uploaded is no matter: many sites have no SFTP."""
    content = random.Random(size).randbytes(size)
    path = tmp_path / "it's here" / "record.json"
    for line in writing(str(path), content):
        assert len(line) < 128 * 1024
        assert not path.exists()
        subprocess.run(["sh", "-c", line], check=True)
    assert path.read_bytes() == content
    lines = writing(str(path), b"x" + content)
    lines[0] = lines[0].replace("base64 -d", "head -c 0")  # what did not get there
    codes = [subprocess.run(["sh", "-c", line], check=False).returncode for line in lines]
    assert codes[-1] != 0
    assert path.read_bytes() == content
