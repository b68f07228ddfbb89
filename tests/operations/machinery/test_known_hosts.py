"""known_hosts: what it says of a host key is what ssh-keygen finds there."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.machinery import known_hosts
from operations.machinery.known_hosts import judge, kinds, read

ED, RSA = "ssh-ed25519", "ssh-rsa"
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAII7T7ROT403mcGQPgNNgvbOULKhFHOWLMjQon1O6/nYh"


def line(hosts: str, key: bytes, kind: str = ED, marker: str = "") -> str:
    return " ".join(filter(None, [marker, hosts, kind, base64.b64encode(key).decode(), "# who"]))


def state(folder: Path, lines: list[str], name: str, key: bytes, kind: str = ED) -> str:
    path = folder / "known_hosts"
    path.write_text("\n".join(lines) + "\n")
    return judge(read([path]), name, kind, key).state


@pytest.mark.parametrize(
    ("hosts", "name", "expected"),
    [
        ("n1", "n1", "known"),
        ("n1", "N1", "known"),
        ("N1,10.0.0.1", "n1", "known"),
        ("n1", "n11", "unknown"),
        ("[n1]:2222", "[n1]:2222", "known"),
        ("[n1]:2222", "n1", "unknown"),
        ("n1", "[n1]:2222", "known"),  # ssh looks again without the port
        ("n*,10.0.*", "n17", "known"),
        ("n?", "n17", "unknown"),
        ("n*,!n17", "n17", "unknown"),
        ("*.site", "n1xsite", "unknown"),
    ],
)
def test_whom_a_line_is_about(tmp_path: Path, hosts: str, name: str, expected: str) -> None:
    assert state(tmp_path, ["# a comment", "", line(hosts, b"k")], name, b"k") == expected


def test_a_key_of_another_is_changed_and_never_new(tmp_path: Path) -> None:
    assert state(tmp_path, [line("n1", b"k")], "n1", b"other") == "changed"
    assert state(tmp_path, [line("n1", b"k", RSA)], "n1", b"other") == "changed"
    assert state(tmp_path, [line("n1", b"k"), line("n1", b"new")], "n1", b"new") == "known"
    # Of another port it says nothing.
    assert state(tmp_path, [line("n1", b"k")], "[n1]:2222", b"other") == "unknown"


def test_markers(tmp_path: Path) -> None:
    revoked = line("*", b"k", marker="@revoked")
    assert state(tmp_path, [line("n1", b"k"), revoked], "n1", b"k") == "revoked"
    authority = line("*.site", b"k", marker="@cert-authority")
    assert state(tmp_path, [authority], "n1.site", b"k") == "unknown"
    assert judge(read([tmp_path / "known_hosts"]), "n1.site", ED, b"k").authority


def test_a_damaged_line_hides_no_other(tmp_path: Path) -> None:
    bad = [
        "n1",
        "n1 ssh-ed25519 ???",
        "|1|x|y ssh-ed25519 AAAA",
        "|1| ssh-ed25519 AAAA",
        "\x00 \xff",
    ]
    assert state(tmp_path, [*bad, line("n1", b"k")], "n1", b"k") == "known"
    assert read([tmp_path, tmp_path / "not-there"]) == []


def test_hashed_names_as_ssh_keygen_writes_them(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    kind, text = key.with_suffix(".pub").read_text().split()[:2]
    path = tmp_path / "known_hosts"
    path.write_text(f"n1 {kind} {text}\n[n2]:2222 {kind} {text}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    assert path.read_text().count("|1|") == 2
    entries = read([path])
    found = {
        name: judge(entries, name, kind, base64.b64decode(text)).state
        for name in ("n1", "[n2]:2222", "n2", "n3")
    }
    assert found == {"n1": "known", "[n2]:2222": "known", "n2": "unknown", "n3": "unknown"}
    assert kinds(entries, "n1") == {ED}


def test_a_key_that_is_added_is_known_and_spoils_no_line_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "known_hosts"
    known_hosts.add(path, "n1", ED, b"k")
    path.write_text(path.read_text().rstrip("\n"))
    known_hosts.add(path, "[n2]:22222", ED, b"l")
    entries = read([path])
    assert judge(entries, "n1", ED, b"k").state == "known"
    assert judge(entries, "[n2]:22222", ED, b"l").state == "known"


@given(st.text(max_size=200))
def test_whatever_stands_there_ends_no_run(text: str) -> None:
    for written in text.splitlines():
        entry = known_hosts._entry(Path("known_hosts"), written)
        assert entry is None or isinstance(entry.is_about("n1"), bool)


_PATTERNS = st.text("n1*?!.", min_size=1, max_size=5) | st.sampled_from(
    ["[n1]:2222", "[*]:2222", "[n?]:*", "N1", "*", "!n1", "n1.site"]
)
_NAMES = st.sampled_from(["n1", "n11", "n.1", "[n1]:2222", "[n1]:22", "n1.site", "1"])


@given(st.lists(_PATTERNS, min_size=1, max_size=3), _NAMES)
@settings(max_examples=60, deadline=None)
def test_whom_a_line_is_about_is_what_ssh_keygen_says(patterns: list[str], name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known_hosts"
        path.write_text(f"{','.join(patterns)} {ED} {KEY}\n")
        done = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", path], check=False, capture_output=True
        )
        [entry] = read([path])
    assert entry.is_about(name) == (done.returncode == 0), (patterns, name, done)
