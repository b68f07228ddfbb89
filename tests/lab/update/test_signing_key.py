"""Who sits between the nodes and their repository: neither key nor metadata of theirs is taken."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from testbed.lab.harness import LabNode
from testbed.packages.build import DISTRIBUTIONS, KEY_FILE

from .. import published
from ..site import ADMIN, CLIENT, ROOT, SERVER, Site, StartSite

KEY = f"http://daos-repo/{KEY_FILE}"
NODES = [  # each package manager
    LabNode("daos-server-01", SERVER, "el8"),
    LabNode("daos-admin-01", ADMIN | CLIENT, "el7"),
    LabNode("daos-client-01", CLIENT, "leap15"),
]
NAMES = {node.name for node in NODES}
PLACES = " ".join(f"/srv/www/v2.0/{it.folder}" for it in DISTRIBUTIONS if "2.0" in it.series)
SIGN = "gpg --homedir /tmp/them --batch --armor --detach-sign"
THEIRS = (
    "mkdir -pm 700 /tmp/them && gpg --homedir /tmp/them --batch --pinentry-mode loopback"
    f" --passphrase '' --quick-generate-key them rsa2048 sign never; for it in {PLACES}; do"
    f" rm $it/repodata/*.asc && {SIGN} $it/repodata/repomd.xml || exit 1; done"
)
DISABLED = (
    "cat /etc/zypp/repos.d/daos-offline-update.repo /etc/yum.repos.d/daos-offline-update.repo"
    " 2>/dev/null | grep ^enabled"
)
ALL_THAT_IS_NEWER = (
    "if command -v zypper; then zypper --non-interactive update --allow-vendor-change;"
    " elif command -v dnf; then dnf -y update; else yum -y update; fi || true"
)


def _repositories(**more: Any) -> dict[str, Any]:
    shipped = runpy.run_path(str(ROOT / "group_data" / "all.py"))["repositories"]
    return {name: {**repository, **more} for name, repository in shipped.items()}


def _is_refused(site: Site, code: str, words: str, **data: Any) -> None:
    before = _trusted(site)
    done = site.update(**data)
    assert done.exit_code == 1, done.output
    assert site.report["outcome"] == "refused"
    found = [finding for finding in site.report["refusals"] if finding["code"] == code]
    assert {host for finding in found for host in finding["hosts"]} == NAMES
    assert all(words in finding["message"] for finding in found), found
    if code == "signing-key":
        assert _trusted(site) == before
    assert set(map(frozenset, site.versions().values())) == {frozenset({"2.0.1"})}


def _trusted(site: Site) -> dict[str, str]:
    """What the nodes trust, and where they would get packages from."""
    asked = (
        "rpm -qa gpg-pubkey; ls /etc/pki/rpm-gpg; "
        "cat /etc/yum.repos.d/daos* /etc/zypp/repos.d/daos* 2>/dev/null || true"
    )
    return {node.name: node.run(asked).stdout for node in site.lab.nodes.values()}


@contextmanager
def _between(site: Site, command: str) -> Iterator[None]:
    """The repositories are what somebody has made of them."""
    repo = site.lab.repo
    repo.run(f"cp -a /srv/www/v2.0 /srv/kept && ({command})")
    try:
        yield
    finally:
        repo.run("rm -r /srv/www/v2.0 && mv /srv/kept /srv/www/v2.0")


def test_who_sits_between_has_neither_a_key_nor_metadata_taken(start_fresh_site: StartSite) -> None:
    """What nobody signs is taken afterwards, from a key that the site has seen; and once that is
    there, the repository is of use to no other update."""
    site = start_fresh_site(NODES)
    other = _repositories(key=KEY, fingerprint="0123 " * 10)
    _is_refused(site, "signing-key", "its fingerprint is ", repositories=other)
    with _between(site, f"rm {PLACES.replace(' ', '/repodata/*.asc ')}/repodata/*.asc"):
        _is_refused(site, "packages-not-available", "repository")
    with _between(site, THEIRS):
        _is_refused(site, "packages-not-available", "repository")

    key = site.lab.repo.read(f"/srv/www/{KEY_FILE}")
    (site.folder / "KEY").write_text(key)
    listed = site.lab.repo.run(f"gpg --with-colons --with-fingerprint /srv/www/{KEY_FILE}").stdout
    fingerprint = next(row.split(":")[9] for row in listed.splitlines() if row.startswith("fpr"))
    done = site.update(repositories=_repositories(key="KEY"))
    assert done.exit_code == 0, done.output
    _is_at(site, "2.0.3-1")

    published.publish(site, "daos*")
    for node in site.lab.nodes.values():
        node.run(ALL_THAT_IS_NEWER)
    _is_at(site, "2.0.3-1")
    seen = _repositories(key=KEY, fingerprint=[fingerprint])
    done = site.update(repositories=seen, target_release="2.0.3-2")
    assert done.exit_code == 0, done.output
    _is_at(site, "2.0.3-2")
    again = site.update(repositories=seen, target_release="2.0.3-2")
    assert site.report["outcome"] == "nothing to do", again.output


def _is_at(site: Site, build: str) -> None:
    assert published.builds(site) == {build}
    assert {node.run(DISABLED).stdout for node in site.lab.nodes.values()} == {"enabled=0\n"}
