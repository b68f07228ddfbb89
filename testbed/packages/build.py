"""Builds the RPMs of all releases and distributions and the signed repositories that hold them.

Runs inside the repository image at its build: `build.py SIM OUTPUT`. Gives
OUTPUT/www/vSERIES/DISTRIBUTION (what is served), OUTPUT/unsigned/vSERIES/DISTRIBUTION (the 2.0.3
packages before they were signed), OUTPUT/later/vSERIES/DISTRIBUTION (what is published later: a
second build of 2.0.3, a hot fix, and a newer dependency), OUTPUT/www/os/8/BaseOS (what a CentOS 8.3
is updated to 8.4 with) and OUTPUT/www/RPM-GPG-KEY-daos.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The releases of each series that the repositories hold.
VERSIONS = {
    "1.0": ("1.0.1",),
    "1.2": ("1.2.0",),
    "2.0": ("2.0.0", "2.0.1", "2.0.2", "2.0.3"),
    "2.2": ("2.2.0",),
    "2.4": ("2.4.1", "2.4.2"),
    "2.6": ("2.6.3", "2.6.5"),
}
OS = "os/8/BaseOS"
UNSIGNED = "2.0.3"
HOT_FIXED = "2.0.3"
KEY_USER = "DAOS lab <lab@daos.invalid>"
KEY_FILE = "RPM-GPG-KEY-daos"


@dataclass(frozen=True)
class Distribution:
    """A distribution that packages are built for.

    + folder: of its repositories
    + release: of its packages, "1.el8"
    + series: those that are published for it
    + flavours: the nodes that take them, each a folder of node/flavours
    """

    folder: str
    release: str
    series: tuple[str, ...]
    flavours: tuple[str, ...]

    @property
    def versions(self) -> list[str]:
        """The releases that its repositories hold."""
        return [version for series in self.series for version in VERSIONS[series]]


_TO_2_2 = ("1.0", "1.2", "2.0", "2.2")
_TO_2_6 = (*_TO_2_2, "2.4", "2.6")
# Source: docs/release/support_matrix.md of DAOS v2.2.0, v2.4.2 and v2.6.5.
DISTRIBUTIONS = (
    Distribution("CentOS7", "1.el7", _TO_2_2, ("el7",)),
    Distribution("EL8", "1.el8", _TO_2_6, ("el8", "el83", "el88")),
    Distribution("EL9", "1.el9", ("2.6",), ("el9",)),
    Distribution("Leap15", "1.lp153", _TO_2_6, ("leap15", "leap156")),
)
FLAVOURS = {flavour: found for found in DISTRIBUTIONS for flavour in found.flavours}


@dataclass(frozen=True)
class Job:
    """One run of rpmbuild.

    + spec: the name of the spec file
    + folder: the repository that its packages go to, "v2.0/EL8"
    + root: what that is in: "www", or "later"
    """

    spec: str
    folder: str
    defines: tuple[tuple[str, str], ...]
    root: str = "www"


def series_of(version: str) -> str:
    """The series of a release, 2.0 for 2.0.1."""
    return version.rpartition(".")[0]


_CENTOS = {
    "release_name": "centos-linux-release",
    "release_version": "8.4",
    "release_release": "1.2105.el8",
    "releasever": "8",
    "release_line": "CentOS Linux release 8.4.2105",
}
# What the repositories of a series hold of SPDK, and what is published of it later.
SPDK = {"2.0": "21.07-8", "2.4": "22.01.2-1", "2.6": "22.01.2-4"}
SPDK_LATER = {"2.0": "21.07-11"}
_HWLOC1 = ("2.0", "2.2")  # the series whose repositories hold hwloc 1.11
_HWLOC = {"hwloc_version": "2.2.0", "hwloc_release": "1.el8", "hwloc_soname": "15"}


def jobs(sim: Path) -> Iterator[Job]:
    """Everything that is to be built."""
    for distribution in DISTRIBUTIONS:
        for version in distribution.versions:
            yield _daos(sim, distribution, version, distribution.release)
        for series in distribution.series:
            yield from _needed(distribution, series)
        if series_of(HOT_FIXED) in distribution.series:
            hot_fix = distribution.release.replace("1.", "2.", 1)
            yield _daos(sim, distribution, HOT_FIXED, hot_fix, "later")
    yield Job("os-release.spec", OS, tuple(_CENTOS.items()))
    yield Job("hwloc.spec", OS, tuple(_HWLOC.items()))


def _daos(
    sim: Path, distribution: Distribution, version: str, release: str, root: str = "www"
) -> Job:
    defines = {
        "daos_version": version,
        "daos_release": release,
        "sim": str(sim),
        "extras": str(HERE / "files"),
    }
    folder = f"v{series_of(version)}/{distribution.folder}"
    return Job("daos.spec", folder, tuple(defines.items()), root)


def _needed(distribution: Distribution, series: str) -> Iterator[Job]:
    """What the repository of a series holds beside DAOS."""
    folder = f"v{series}/{distribution.folder}"
    if series in _HWLOC1:
        yield Job("compat-hwloc1.spec", folder, (("hwloc_release", distribution.release),))
    for root, builds in (("www", SPDK), ("later", SPDK_LATER)):
        if series in builds:
            version, _, release = builds[series].partition("-")
            defines = (("spdk_version", version), ("spdk_release", release))
            yield Job("spdk-tools.spec", folder, defines, root)


def run(*command: str | Path, directory: Path | None = None) -> None:
    """Run a command; what it printed is shown only when it fails."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def build(job: Job, output: Path) -> None:
    """Build the packages of one job into their repository, not yet signed."""
    target = output / job.root / job.folder
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fixed = {
            "_topdir": scratch,
            "_rpmdir": str(target),
            "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
            "_binary_payload": "w1.gzdio",  # built often, sent over loopback
        }
        defines = [
            word
            for name, value in (*fixed.items(), *job.defines)
            for word in ("--define", f"{name} {value}")
        ]
        run("rpmbuild", "-bb", "--quiet", *defines, HERE / job.spec)


def keep_unsigned(output: Path) -> None:
    """Copy the packages of one release aside, for tests of what an unsigned package does."""
    for package in sorted((output / "www").glob(f"*/*/daos*-{UNSIGNED}-*.rpm")):
        target = output / "unsigned" / package.relative_to(output / "www")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(package, target)


def make_key(public: Path) -> None:
    """Make the signing key and write its public half; rpmsign is told to use it."""
    run(
        *("gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", ""),
        *("--quick-generate-key", KEY_USER, "rsa2048", "sign", "never"),
    )
    run("gpg", "--batch", "--armor", "--output", public, "--export", KEY_USER)
    macros = f"%_gpg_name {KEY_USER}\n%__gpg /usr/bin/gpg\n"
    (Path.home() / ".rpmmacros").write_text(macros)


def main(sim: Path, output: Path) -> None:
    """Build, sign and index everything."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda job: build(job, output), jobs(sim)))
        keep_unsigned(output)
        make_key(output / "www" / KEY_FILE)
        packages = sorted((output / "www").rglob("*.rpm"))
        later = sorted((output / "later").rglob("*.rpm"))
        run("rpmsign", "--addsign", *packages, *later)
        repositories = sorted({package.parent for package in packages})
        list(pool.map(lambda path: run(HERE / "refresh-repository", path), repositories))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
