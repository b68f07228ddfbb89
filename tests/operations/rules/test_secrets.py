"""Passwords: whatever is told has a word in the place of each, and is what it was otherwise."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.daos.shown import everywhere
from operations.machinery import commandline
from operations.rules import secrets
from operations.rules.findings import Finding
from operations.rules.secrets import WORD, masked, of_command

SECRET = "s3cr3t&'Zq\" x"
OPTIONS = ["--ssh-password", "--password", "--ssh-key-password", "--key-password"]
NAMES = [
    *("ssh_password", "ssh_key_password", "_sudo_password", "_su_password", "SSH_PASSWORD"),
    *("ssh_paramiko_connect_kwargs", "passphrase"),
]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    secrets._learnt.clear()
    yield
    secrets._learnt.clear()


harmless = st.sampled_from(
    [
        *(["-y"], ["--dry"], ["--data", "target_release=2.0.3"], ["--data=unreachable_clients=1"]),
        *(["--ssh-user", "ops"], ["--same-sudo-password"], ["--ssh-password-prompt"], ["-vvv"]),
        *(["--data", "ssh_config_file=.lab/ssh_config"], ["--limit", "password"]),
    ]
)
with_secret = st.one_of(
    *(st.just([option, SECRET]) for option in OPTIONS),
    *(st.just([f"{option}={SECRET}"]) for option in OPTIONS),
    *(st.just(["--data", f"{name}={SECRET}"]) for name in NAMES),
    *(st.just([f"--data={name}={SECRET}"]) for name in NAMES),
    st.just(["--data", f'ssh_paramiko_connect_kwargs={{"passphrase": "{SECRET}"}}']),
    st.just(["--data", 'repositories={"EL8": {"baseurl": "http://me:S3cret@repo/x", "key": ""}}']),
)


@given(st.lists(st.one_of(harmless, with_secret)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_command_is_told_without_its_passwords_in_whatever_order(groups: list[list[str]]) -> None:
    words = ["inventory", "deploy.py", *(word for group in groups for word in group)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pyinfra", *words])
        told = shlex.split(commandline.typed())
        back = commandline.typed("deploys/rollback.py")
    assert len(told) == len(words) + 1
    for text in (*told, back):
        assert "s3cr3t" not in text.lower()
        assert "S3cret@" not in text
    rest = told[3:]
    for group in groups:
        shown, rest = rest[: len(group)], rest[len(group) :]
        has_one = any(any(it in word for it in (SECRET, "S3cret")) for word in group)
        assert has_one or shown == group
        assert shown[0].partition("=")[0] == group[0].partition("=")[0]


def test_what_is_an_option_s_value_is_masked_once_and_the_next_word_is_not() -> None:
    words = ["--ssh-password", "--password", "deploy.py", "--password=x", "-y"]
    assert of_command(words) == ["--ssh-password", WORD, "deploy.py", f"--password={WORD}", "-y"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://me:pw@repo/v2.0 is not found", f"http://me:{WORD}@repo/v2.0 is not found"),
        ("https://me:p@w:x@repo:8080/", f"https://me:{WORD}@repo:8080/"),
        ("ssh://ops@n1:22, ops@n1:/tmp", "ssh://ops@n1:22, ops@n1:/tmp"),
        ("http://repo:8080/a@b", "http://repo:8080/a@b"),
        ("env PYINFRA_SUDO_PASSWORD='a b' sudo", f"env PYINFRA_SUDO_PASSWORD={WORD} sudo"),
    ],
)
def test_a_password_in_a_url_or_a_process_list(text: str, told: str) -> None:
    assert masked(text) == told


def test_a_password_that_is_known_is_told_nowhere() -> None:
    secrets.learn({"ssh_password": SECRET, "ssh_user": "daos-user", "repositories": {"a": "key-x"}})
    secrets.learn({"ssh_paramiko_connect_kwargs": {"passphrase": "deep-one", "timeout": 60000}})
    text = f"bad {SECRET!r} {shlex.quote(SECRET)} {SECRET} 'deep-one', 60000 daos-user key-x."
    assert masked(text) == (f"bad '{WORD}' {WORD} {WORD} '{WORD}', 60000 daos-user key-x.")
    finding = Finding("internal-error", ("daos-1",), f"ValueError: {SECRET}.")
    assert finding.message == f"ValueError: {WORD}."


def test_a_flag_that_is_called_like_one_is_none() -> None:
    secrets.learn({"same_sudo_password": True, "ssh_password_prompt": False, "ssh_password": None})
    assert masked("True, False or None") == "True, False or None"


def test_a_password_that_is_a_common_word_spoils_no_name_of_a_node() -> None:
    secrets.learn({"ssh_password": "daos"})
    content = {"hosts": ["daos-1", "n.daos-2"], "message": "sudo: daos: wrong"}
    told = {"hosts": ["daos-1", "n.daos-2"], "message": f"sudo: {WORD}: wrong"}
    assert everywhere(content, masked) == told
