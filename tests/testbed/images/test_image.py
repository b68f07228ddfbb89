"""What the images are made of, and that a changed input changes their names."""

from __future__ import annotations

import runpy
import tarfile
from pathlib import Path

import pytest

from operations.daos import platforms
from testbed.images import image
from testbed.packages import build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_text("2")
    return tmp_path


def digest(folder: Path, *more: str) -> str:
    return image.Context(image.files_below(folder)).digest(*more)


def test_the_digest_follows_every_input(folder: Path) -> None:
    seen = [digest(folder), digest(folder, "base")]
    (folder / "a").write_text("3")
    seen.append(digest(folder))
    (folder / "a").rename(folder / "c")
    seen.append(digest(folder))
    (folder / "c").chmod(0o755)
    seen.append(digest(folder))
    assert len(set(seen)) == len(seen)


def test_the_digest_ignores_what_python_leaves(folder: Path) -> None:
    before = digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_text("x")
    assert digest(folder) == before


def test_permissions_in_a_build_do_not_depend_on_the_umask(folder: Path) -> None:
    (folder / "a").chmod(0o600)
    (folder / "sub" / "b").chmod(0o700)
    with tarfile.open(fileobj=image.Context(image.files_below(folder)).tar()) as archive:
        assert {entry.name: entry.mode for entry in archive} == {"a": 0o644, "sub/b": 0o755}


def names(context: image.Context) -> set[str]:
    with tarfile.open(fileobj=context.tar()) as archive:
        return set(archive.getnames())


def test_a_node_holds_the_service_manager_as_a_package() -> None:
    found = names(image.node_context())
    assert {"Dockerfile", "init/__init__.py", "init/init.py", "init/unit.py"} <= found
    assert {"systemctl.pl", "journalctl.py", "flavours/el8/root/usr/lib/os-release"} <= found
    assert {"mpi/dcp.py", "mpi/events.py", "hwloc.spec", "os-release.spec"} <= found


def test_a_flavour_is_a_row_and_a_folder() -> None:
    assert {path.name for path in (image.HERE / "node" / "flavours").iterdir()} == {*build.FLAVOURS}


def test_a_repository_holds_recipes_and_programs() -> None:
    found = names(image.repo_context())
    assert {"Dockerfile", "packages/build.py", "packages/daos.spec", "sim/__init__.py"} <= found


def test_releases_and_distributions_of_the_repositories() -> None:
    jobs = [job for job in build.jobs(Path("/sim")) if job.spec == "daos.spec"]
    at_once = [job for job in jobs if job.root == "www"]
    assert len(at_once) == sum(len(found.versions) for found in build.DISTRIBUTIONS)
    found = {(job.folder, dict(job.defines)["daos_version"]) for job in at_once}
    assert {("v2.4/EL8", "2.4.1"), ("v2.4/Leap15", "2.4.2"), ("v2.6/EL8", "2.6.5")} <= found
    assert {folder for folder, _ in found if "EL9" in folder} == {"v2.6/EL9"}
    assert not {"v2.4/CentOS7", "v2.6/CentOS7"} & {folder for folder, _ in found}
    later = {dict(job.defines)["daos_release"] for job in jobs if job.root == "later"}
    assert later == {"2.el7", "2.el8", "2.lp153"}
    assert {"v1.0/CentOS7", "v1.2/EL8", "v2.0/Leap15", "v2.2/EL8"} <= {job.folder for job in jobs}


def test_a_distribution_is_known_to_the_lab_the_product_and_the_site() -> None:
    site = runpy.run_path(str(image.HERE.parent / "group_data" / "all.py"))["repositories"]
    folders = {distribution.folder for distribution in build.DISTRIBUTIONS}
    assert folders == {*platforms.NAMES} == {*site}


def test_a_repository_holds_what_its_releases_need() -> None:
    needed = {
        (job.spec, job.folder, job.root)
        for job in build.jobs(Path("/sim"))
        if job.spec not in ("daos.spec", "os-release.spec", "hwloc.spec")
    }
    series = {folder.partition("/")[0] for spec, folder, _ in needed if "hwloc" in spec}
    assert series == {"v2.0", "v2.2"}
    spdk = {(folder, root) for spec, folder, root in needed if "spdk" in spec}
    assert {("v2.0/EL8", "later"), ("v2.4/EL8", "www"), ("v2.6/Leap15", "www")} <= spdk


def test_a_repository_of_the_operating_system_has_the_newer_hwloc() -> None:
    jobs = [job for job in build.jobs(Path("/sim")) if job.folder == build.OS]
    versions = {job.spec: dict(job.defines) for job in jobs}
    assert versions["hwloc.spec"]["hwloc_version"] == "2.2.0"
    assert versions["os-release.spec"]["release_version"] == "8.4"
