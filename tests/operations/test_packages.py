"""What a package transaction leaves, whatever its package manager says: run here with stand-ins."""

from __future__ import annotations

import shlex
import subprocess
from configparser import ConfigParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations import packages
from operations.daos import package_managers
from operations.daos.node import Node
from operations.daos.releases import Version
from operations.machinery import packaging, signing_key
from operations.machinery.settings import Settings
from operations.rules.view import View

from .fake_cluster import SETTINGS

TARGET = Version(2, 0, 3)
NAMES = ("daos", "daos-client", "daos-server")
# rpm of a node with these packages, each "NAME VERSION"; what it shall erase, it only notes.
_RPM = """\
#!/bin/sh
case $1 in
    -q) while read -r name version; do
            case " $* " in *" $name "*) ;; *) continue ;; esac
            case $3 in has*) echo "has $name $version $name-$version-1.x86_64" ;;
            *) echo "$name-$version-1.x86_64 $version" ;; esac
        done < {folder}/installed
        echo 'package daos-firmware is not installed' ;;
    -e) shift; echo "$@" >> {folder}/erased ;;
esac
"""


def _transaction(folder: Path, installed: dict[str, tuple[str, ...]], code: int = 0) -> str:
    """What is erased where a package manager installs nothing and exits with `code`."""
    (folder / "rpm").write_text(_RPM.format(folder=folder))
    (folder / "dnf").write_text(f"#!/bin/sh\necho Nothing to do.\nexit {code}\n")
    for name in ("rpm", "dnf"):
        (folder / name).chmod(0o755)
    lines = [f"{name} {version}\n" for name, found in installed.items() for version in found]
    (folder / "installed").write_text("".join(lines))
    (folder / "erased").write_text("")
    node = Node(
        "s1", "rhel 8.5", packages={name: (f"{v}-1",) for name, (v, *_) in installed.items()}
    )
    current: Any = SimpleNamespace(start=View({"servers": ("s1",), "admins": (), "clients": ()}))
    line = packages._transaction(current, "dnf -y install", "s1", node, TARGET)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    line = line.replace(packages.LOG, str(folder / "log"))
    done = subprocess.run(["sh", "-c", line], env=path, check=False, capture_output=True)
    assert (done.returncode == 0) == (code == 0), done
    return (folder / "erased").read_text()


def test_nothing_is_erased_where_the_package_manager_has_installed_nothing(tmp_path: Path) -> None:
    assert _transaction(tmp_path, dict.fromkeys(NAMES, ("2.0.1",))) == ""


def test_of_a_transaction_that_was_cut_short_the_old_half_alone_is_erased(tmp_path: Path) -> None:
    half = {"daos": ("2.0.1", "2.0.3"), "daos-client": ("2.0.1",), "daos-server": ("2.0.3",)}
    assert _transaction(tmp_path, half) == "daos-2.0.1-1.x86_64\n"


def test_a_script_of_a_package_that_fails_is_told_however_much_is_said_after_it(
    tmp_path: Path,
) -> None:
    said = ["warning: %post(daos-2.0.3-1.el8.x86_64) scriptlet failed, exit status 1"]
    said += ["Error in POSTIN scriptlet in rpm package daos", *map(str, range(20))]
    line = packages._DETACHED.format(
        line="; ".join(f"echo {shlex.quote(it)}" for it in said), log=tmp_path / "log"
    )
    done = subprocess.run(["sh", "-c", line], check=True, capture_output=True, text=True)
    run: Any = SimpleNamespace(scriptlets={})
    here: Any = SimpleNamespace(name="s1")
    packages._scriptlets(run, here, done.stdout)
    assert run.scriptlets == {"s1": ["%post(daos-2.0.3-1.el8.x86_64)"]}


def test_of_an_old_package_that_its_own_script_keeps_it_is_said_what_erases_it(
    tmp_path: Path,
) -> None:
    said = ["error: %preun(daos-2.0.1-1.el8.x86_64) scriptlet failed, exit status 1"]
    said += ["error: daos-2.0.1-1.el8.x86_64: erase failed", *map(str, range(20))]
    line = packages._DETACHED.format(
        line="; ".join([*(f"echo {shlex.quote(it)}" for it in said), "false"]), log=tmp_path / "log"
    )
    done = subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True)
    assert done.returncode
    run: Any = SimpleNamespace(
        settings=SimpleNamespace(timeouts={"packages": 5}),
        act=lambda here, line, timeout: (False, done.stdout, ""),
    )
    here: Any = None
    problem = packages._fails(run, here, "dnf", "it failed") or ""
    assert "`rpm -e --noscripts daos-2.0.1-1.el8.x86_64` there erases" in problem
    assert problem.endswith("    19")


@pytest.mark.parametrize(
    "errors", ["no answer within 5 seconds", "the connection broke (EOFError)"]
)
def test_a_transaction_whose_end_nobody_has_seen_is_not_said_to_have_failed(errors: str) -> None:
    """It goes on without its connection, and the next run waits for it."""
    run: Any = SimpleNamespace(
        settings=SimpleNamespace(timeouts={"packages": 5}),
        act=lambda here, line, timeout: (False, "", errors),
    )
    here: Any = None
    said = packages._fails(run, here, "dnf", "it failed", late=packages._LATE)
    assert said
    assert "may go on there" in said
    assert errors in said
    assert "failed" not in said
    assert packages._fails(run, here, "dnf", "it failed") == f"it failed.\n    $ dnf\n    {errors}"


@pytest.mark.parametrize(("code", "done"), [(102, True), (106, True), (107, True), (8, False)])
def test_zypper_has_done_it_where_no_more_than_a_script_of_a_package_failed(
    tmp_path: Path, code: int, done: bool
) -> None:
    (tmp_path / "zypper").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "zypper").chmod(0o755)
    zypper = package_managers.Zypper()
    line = zypper.told(zypper.install, ["daos=2.0.3"], back=False)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert (subprocess.run(["sh", "-c", line], env=path, check=False).returncode == 0) == done


def test_nothing_is_erased_after_a_transaction_that_failed(tmp_path: Path) -> None:
    assert _transaction(tmp_path, {"daos": ("2.0.1", "2.0.3")}, code=1) == ""


@pytest.mark.parametrize(
    ("has", "words"),
    [
        (dict.fromkeys(NAMES, ("2.0.3-1",)), []),
        ({"daos": ("2.0.3-1",), "daos-client": ("2.0.3-1",)}, ["daos-server is missing"]),
        (
            {**dict.fromkeys(NAMES, ("2.0.3-1",)), "daos": ("2.0.1-1", "2.0.3-1")},
            ["daos is 2.0.1-1 and 2.0.3-1"],
        ),
        (
            {**dict.fromkeys(NAMES, ("2.0.3-1",)), "daos-tests": ("2.0.30-1",)},
            ["daos-tests is 2.0.30-1"],
        ),
    ],
)
def test_what_is_installed_is_compared_package_by_package(
    has: dict[str, tuple[str, ...]], words: list[str]
) -> None:
    assert packaging.others(Node("s1", "rhel 8.5", packages=has), NAMES, TARGET) == words


OURS, OTHER = "63fa11795141f7b1", "24c6a8a7f4a80eb5"
LISTED = f"pub:-:2048:1:{OURS.upper()}:1764460000:::-:::scSC::::::23::0:\n"


def _run() -> Any:
    settings, _ = Settings.read(SETTINGS)
    return SimpleNamespace(settings=settings)


def test_packages_that_another_key_has_signed_or_none_are_named_with_what_to_type() -> None:
    node = Node(
        "s1",
        "rhel 8.5",
        packages=dict.fromkeys(NAMES, ("2.0.3-1.el8",)),
        signers={"daos": (OURS,), "daos-client": (OTHER,), "daos-server": ("",)},
    )
    trusted = signing_key.ids(LISTED)
    assert trusted == {OURS}
    message = packaging.foreign(_run(), node, trusted)
    assert message
    assert f"daos-client-2.0.3-1.el8, by key {OTHER}; daos-server-2.0.3-1.el8, by none" in message
    again = "dnf --disablerepo='*' --enablerepo=daos-offline-update reinstall"
    assert f"`{again} daos-client daos-server`" in message


def test_that_no_key_is_known_is_not_taken_for_a_good_one() -> None:
    node = Node("s1", "rhel 8.5", packages={"daos": ("2.0.3-1",)}, signers={"daos": ("",)})
    assert packaging.foreign(_run(), node, signing_key.ids(""))


REPOSITORIES = """\
# a comment
[base]
name=Base
baseurl=http://mirror/base
exclude=kernel* , postgresql
[ours-too]
baseurl = http://mirror/daos
excludepkgs = foo
  bar
[plain]
enabled = 1"""


def test_every_other_repository_leaves_out_daos_and_what_it_left_out_before(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "site.repo").write_text(REPOSITORIES)
    line = f"file={tmp_path}/site.repo; folder={tmp_path}/to; {package_managers.Yum.copy}"
    subprocess.run(["sh", "-c", line], check=True)
    copied = ConfigParser(interpolation=None)
    copied.read(tmp_path / "to" / "site.repo")
    assert copied["base"]["exclude"] == "daos daos-* kernel* , postgresql"
    assert copied["ours-too"]["excludepkgs"].split() == ["daos", "daos-*", "foo", "bar"]
    assert dict(copied["plain"]) == {"enabled": "1", "exclude": "daos daos-*"}
    assert copied["base"]["baseurl"] == "http://mirror/base"


@given(
    st.dictionaries(
        st.sampled_from((*NAMES, "daos-tests")),
        st.lists(
            st.sampled_from(("2.0.1-1", "2.0.3-1", "2.0.3-5", "2.0.30-1")), min_size=1, max_size=2
        ).map(tuple),
    )
)
def test_all_is_well_only_where_each_package_is_there_once_and_at_the_target(
    has: dict[str, tuple[str, ...]],
) -> None:
    others = packaging.others(Node("s1", "rhel 8.5", packages=has), NAMES, TARGET)
    well = set(NAMES) <= set(has) and all(
        len(evrs) == 1 and evrs[0].startswith("2.0.3-") for evrs in has.values()
    )
    assert (not others) == well


@pytest.mark.parametrize(
    ("url", "mode"), [("http://repo/x", 0o644), ("https://me:s3cret@repo/x", 0o600)]
)
def test_a_repository_that_wants_a_password_is_defined_for_root_alone(
    tmp_path: Path, url: str, mode: int
) -> None:
    folder, text = tmp_path / "repos.d", f"[it]\nbaseurl={url}\nname='x'\n"
    for _ in range(2):
        subprocess.run(["sh", "-c", packages._defined(str(folder), text)], check=True)
    [path] = folder.iterdir()
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == mode


def _defined(name: str, signed: bool) -> ConfigParser:
    repository = {"baseurl": "http://repo/v{series}", "key": "KEY", "signed_metadata": signed}
    settings, _ = Settings.read({**SETTINGS, "repositories": {"EL8": repository}})
    node = Node("s1", "rhel 8.5", packages={"daos": ("2.0.1-1",)})
    run: Any = SimpleNamespace(
        settings=settings, target=TARGET, procedure=SimpleNamespace(back=False)
    )
    read = ConfigParser()
    read.read_string(packaging.definition(run, packaging.distribution(run, node), node, name))
    return read


def test_no_key_is_fetched_over_the_network_and_metadata_are_checked_where_they_are_signed() -> (
    None
):
    key = f"file://{package_managers.KEY}"
    for signed in (True, False):
        own = _defined(package_managers.REPOSITORY, signed)[package_managers.REPOSITORY]
        assert (own["gpgkey"], own["gpgcheck"]) == (key, "1")
        assert own.get("repo_gpgcheck") == ("1" if signed else None)
        tried = _defined(package_managers.CHECK, signed)[package_managers.CHECK]
        assert (tried["gpgkey"], tried["gpgcheck"], tried["repo_gpgcheck"]) == (key, "1", "0")


def test_a_repository_that_is_of_no_more_use_is_disabled_and_nothing_else(tmp_path: Path) -> None:
    text = "[a]\nenabled=1\ngpgcheck=1\n[a-later]\nenabled=0\n[b]\nenabled=1\n"
    ours = tmp_path / "etc/zypp/repos.d/daos-offline-update.repo"
    other = ours.with_name("site.repo")
    ours.parent.mkdir(parents=True)
    for path in (ours, other):
        path.write_text(text)
    line = package_managers.REPOSITORY_DISABLED.replace("/etc/", f"{tmp_path}/etc/")
    for _ in range(2):
        subprocess.run(["sh", "-c", f"{line}true"], check=True)
    assert ours.read_text() == text.replace("enabled=1", "enabled=0")
    assert other.read_text() == text
