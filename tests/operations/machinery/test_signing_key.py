"""The signing key: what a node is told to do with it, run here with the real gpg."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from operations.daos.package_managers import KEY
from operations.machinery import signing_key
from operations.machinery.settings import Repository


class Keys:
    """The keys of somebody who signs."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.home = home

    def gpg(self, *arguments: str) -> str:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--pinentry-mode", "loopback"]
        command += ["--passphrase", "", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def made(self, user: str) -> str:
        """The fingerprint of a new key."""
        self.gpg("--quick-generate-key", user, "rsa2048", "sign", "never")
        return self.listed("pub", user)[0]

    def listed(self, kind: str, user: str) -> list[str]:
        rows = [row.split(":") for row in self.gpg("--with-colons", "-k", user).splitlines()]
        pairs = itertools.pairwise(rows)
        return [after[9] for row, after in pairs if row[0] == kind and after[0] == "fpr"]

    def armored(self, *users: str) -> str:
        return self.gpg("--armor", "--export", *users)

    def close(self) -> None:
        """End what gpg has left running."""
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with closing(Keys(tmp_path_factory.mktemp("keys") / "home")) as made:
        for user in ("daos", "other"):
            made.made(user)
        yield made


def _told(
    key: str, *fingerprints: str, trusts: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """What comes of the line; where it is to be trusted, the folder takes what nodes have."""
    repository = Repository(baseurl="http://x/", key=key, fingerprint=fingerprints)
    line = signing_key.line(repository, trusts=trusts is not None)
    path = "/usr/bin:/bin"
    if trusts:
        (trusts / "rpm").write_text(f'#!/bin/sh\necho "$@" >> {trusts}/imported\n')
        (trusts / "rpm").chmod(0o755)
        path = f"{trusts}:{path}"
        line = line.replace("/etc/pki", f"{trusts}/etc/pki")
    return subprocess.run(
        ["sh", "-c", line], check=False, capture_output=True, text=True, env={"PATH": path}
    )


def _imported(folder: Path) -> bool:
    return (folder / "imported").exists()


def _put(folder: Path) -> Path:
    return Path(f"{folder}{KEY}")


def test_a_key_of_the_site_is_what_rpm_takes(tmp_path: Path, keys: Keys) -> None:
    mine = tmp_path / "KEY"
    mine.write_text(keys.armored("daos"))
    done = _told(str(mine), trusts=tmp_path)
    assert done.returncode == 0, done
    [fingerprint] = keys.listed("pub", "daos")
    assert signing_key.ids(done.stdout) == {fingerprint[-16:].lower()}
    assert (tmp_path / "imported").read_text() == f"--import {_put(tmp_path)}\n"
    assert _put(tmp_path).stat().st_mode & 0o777 == 0o644
    again = _told(f"file://{_put(tmp_path)}", fingerprint)
    assert signing_key.ids(again.stdout) == {fingerprint[-16:].lower()}


def test_only_the_key_with_the_fingerprint_is_trusted(tmp_path: Path, keys: Keys) -> None:
    mine = tmp_path / "KEY"
    mine.write_text(keys.armored("other"))
    [right], [other] = (keys.listed("pub", user) for user in ("daos", "other"))
    refused = _told(f"file://{mine}", right, trusts=tmp_path)
    assert refused.returncode
    assert not refused.stdout
    assert f"its fingerprint is {other}" in refused.stderr
    assert not _imported(tmp_path)
    assert not _put(tmp_path).exists()
    assert _told(f"file://{mine}", right, other, trusts=tmp_path).returncode == 0


def test_an_extra_key_in_the_file_has_it_refused(tmp_path: Path, keys: Keys) -> None:
    mine = tmp_path / "KEY"
    [right] = keys.listed("pub", "daos")
    for text in (keys.armored("daos", "other"), keys.armored("daos") + keys.armored("other")):
        mine.write_text(text)
        assert _told(f"file://{mine}", right, trusts=tmp_path).returncode
        assert not _imported(tmp_path)


def test_a_subkey_that_the_key_has_not_signed_is_left_out(tmp_path: Path) -> None:
    """The rpm of CentOS 7 would trust packages that are signed with it (CVE-2021-3521)."""
    with closing(Keys(tmp_path / "own")) as own, closing(Keys(tmp_path / "theirs")) as theirs:
        _is_left_out(tmp_path, own, theirs)


def _is_left_out(tmp_path: Path, own: Keys, theirs: Keys) -> None:
    primary = own.made("daos")
    own.gpg("--quick-add-key", primary, "rsa2048", "sign", "never")
    [subkey] = own.listed("sub", "daos")
    attacker = theirs.made("them")
    theirs.gpg("--quick-add-key", attacker, "rsa2048", "sign", "never")
    [bad] = theirs.listed("sub", "them")
    packets = own.home / "all"
    own.gpg("--output", str(packets), "--export", primary)
    stolen = theirs.home / "all"
    theirs.gpg("--output", str(stolen), "--export", attacker)
    offset = re.search(
        r"# off=(\d+) [^\n]*\n:public sub key", theirs.gpg("--list-packets", str(stolen))
    )
    assert offset
    packets.write_bytes(packets.read_bytes() + stolen.read_bytes()[int(offset[1]) :])
    mine = tmp_path / "KEY"
    subprocess.run(
        ["gpg", "--yes", "--output", mine, "--enarmor", packets], check=True, capture_output=True
    )
    mine.write_text(mine.read_text().replace("ARMORED FILE", "PUBLIC KEY BLOCK"))
    done = _told(f"file://{mine}", primary, trusts=tmp_path)
    assert done.returncode == 0, done
    assert signing_key.ids(done.stdout) == {it[-16:].lower() for it in (primary, subkey)}
    listed = subprocess.run(
        ["gpg", "--with-colons", _put(tmp_path)], capture_output=True, text=True, check=True
    )
    assert subkey[-16:] in listed.stdout
    assert bad[-16:] not in listed.stdout


@pytest.mark.parametrize("text", ["", "no key\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n"])
def test_what_is_no_key_is_not_taken_for_one(tmp_path: Path, text: str) -> None:
    mine = tmp_path / "KEY"
    mine.write_text(text)
    done = _told(f"file://{mine}", trusts=tmp_path)
    assert done.returncode
    assert "there is no key in it" in done.stderr
    assert _told(f"file://{tmp_path}/none").returncode
    assert not _imported(tmp_path)


def test_a_file_of_the_site_that_is_not_there_is_found_on_its_own_machine(
    tmp_path: Path, keys: Keys
) -> None:
    mine = tmp_path / "KEY"
    repository = Repository(baseurl="http://x/", key=str(mine))
    assert "cannot be read" in (signing_key.missing(repository) or "")
    mine.write_text(keys.gpg("--fingerprint", "daos"))
    assert "is no key" in (signing_key.missing(repository) or "")
    mine.write_text(keys.armored("daos"))
    assert signing_key.missing(repository) is None
    mine.write_text(keys.armored("daos") * 100)
    assert "export-minimal" in (signing_key.missing(repository) or "")
    for elsewhere in ("file:///none", "http://x/KEY"):
        other = Repository(baseurl="http://x/", key=elsewhere, fingerprint="A" * 40)  # type: ignore[arg-type]
        assert signing_key.missing(other) is None
