"""The conversion of /etc/daos/*.yml from 1.x to 2.0: exact, with comments kept, or refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.daos.configuration import (
    AGENT,
    CONTROL,
    SERVER,
    SHARED,
    Unconvertible,
    control_of_1_0,
    convert,
    diff,
    read_by,
)

EVERYTHING = """\
# The site's own comment.
name: daos_server
access_points: ['s1', 's2', 's3']  # three of them
transport_config:
  allow_insecure: false
  server_name: server   # for TLS
  ca_cert: /etc/daos/certs/daosCA.crt
disable_vmd: true # unstable
set_hugepages: true
servers:
- name: inner
  targets: 8
  scm_mount: /mnt/daos0
  scm_class: ram
  scm_size: 4
  bdev_list: ["0000:81:00.0"]
-
  # the second socket
  targets: 8
  bdev_class:
  bdev_list:
  - "0000:82:00.0"
port: 10001
"""

CONVERTED = """\
# The site's own comment.
name: daos_server
access_points: ['s1', 's2', 's3']  # three of them
transport_config:
  allow_insecure: false
  # not in 2.0: server_name: server   # for TLS
  ca_cert: /etc/daos/certs/daosCA.crt
enable_vmd: false # unstable
# not in 2.0: set_hugepages: true
engines:
- # not in 2.0: name: inner
  targets: 8
  scm_mount: /mnt/daos0
  scm_class: ram
  scm_size: 4
  bdev_class: nvme
  bdev_list: ["0000:81:00.0"]
-
  # the second socket
  targets: 8
  bdev_class: nvme
  bdev_list:
  - "0000:82:00.0"
port: 10001
"""


def test_every_key_that_changed_is_converted_and_comments_stay() -> None:
    assert convert(SERVER, EVERYTHING) == CONVERTED


OF_1_0 = """\
name: daos_server  # the only name
access_points: ['s1:10001']
port: 10001
hostlist: ['s1:10001']
runtime_dir: /var/run/daos_agent
log_file: /tmp/dmg.log
transport_config:
  server_name: server
  allow_insecure: true
"""


HOSTS = ["s1", "s2", "s3"]


@pytest.mark.parametrize(
    "hostlist",
    ["hostlist: ['s1:10001']  # the access point\n", "hostlist:\n- s1:10001\n- s2:10001\n", ""],
)
def test_what_dmg_read_in_1_0_becomes_its_file_of_2_0_and_names_all_servers(hostlist: str) -> None:
    before = OF_1_0.replace("hostlist: ['s1:10001']\n", hostlist)
    after = control_of_1_0(before, HOSTS)
    assert convert(CONTROL, after) == after
    assert yaml.safe_load(after) == {
        "name": "daos_server",
        "port": 10001,
        "hostlist": HOSTS,
        "transport_config": {"allow_insecure": True},
    }
    assert "# the only name" in after
    shown = diff(CONTROL, before, after, SHARED).splitlines()
    assert shown[:2] == ["--- /etc/daos/daos.yml.1.x-backup", "+++ /etc/daos/daos_control.yml"]


@pytest.mark.parametrize("text", ["", "# all of it\n#port: 10001\n"])
def test_a_file_of_1_0_that_sets_nothing_is_nothing_to_convert(text: str) -> None:
    assert control_of_1_0(text, HOSTS) == ""


def test_a_file_of_1_0_with_an_unknown_key_is_not_converted() -> None:
    with pytest.raises(Unconvertible, match="colour"):
        control_of_1_0("colour: blue\n", HOSTS)


def test_what_is_converted_is_not_converted_again() -> None:
    assert convert(SERVER, CONVERTED) == CONVERTED


@pytest.mark.parametrize("name", [SERVER, AGENT, CONTROL])
@pytest.mark.parametrize("text", ["", "# all of it is a comment\n#servers:\n", "---\n"])
def test_a_file_without_keys_stays(name: str, text: str) -> None:
    assert convert(name, text) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (SERVER, "name: daos_server\nengines:\n- targets: 8\n  scm_class: ram\n  scm_size: 4\n"),
        (AGENT, "access_points: [s1]\nport: 10001\nruntime_dir: /var/run/daos_agent\n"),
        (CONTROL, "hostlist: [s1, s2]\ntransport_config:\n  allow_insecure: true\n"),
    ],
)
def test_what_2_0_reads_as_well_stays(name: str, text: str) -> None:
    assert convert(name, text) == text


def test_a_tab_between_a_value_and_a_comment_is_a_blank() -> None:
    """As DAOS reads it; PyYAML without libyaml would say that it is no YAML."""
    text = "disable_vmd: true\t# none here\nservers:\n- scm_mount: /mnt/daos\t\n  targets: 1\n"
    after = "enable_vmd: false\t# none here\nengines:\n- scm_mount: /mnt/daos\t\n  targets: 1\n"
    assert convert(SERVER, text) == after


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (SERVER, "servers: [", "no YAML"),
        (SERVER, "- a\n- b\n", "not a set of keys"),
        (SERVER, "name: a\nname: b\n", "there twice"),
        (SERVER, "servers:\n- targets: 8\nengines:\n- targets: 8\n", "both"),
        (SERVER, "disable_vmd: maybe\n", "neither true nor false"),
        (SERVER, "disable_vmd: true\nenable_vmd: true\n", "both"),
        (SERVER, "modules: vos\n", "the key modules (line 1)"),
        (SERVER, "name: a\nfavourite_colour: blue\n", "the key favourite_colour (line 2)"),
        (SERVER, "servers:\n- colour: blue\n", "the key colour (line 2)"),
        (SERVER, "servers:\n- bdev_class: malloc\n  bdev_number: 1\n", "no malloc"),
        (SERVER, "servers:\n- bdev_class: kdev\n", "bdev_list"),
        (SERVER, "servers:\n- bdev_class: file\n  bdev_list: [/a]\n", "bdev_size"),
        (SERVER, 'servers:\n- bdev_class: nvme\n  bdev_list: ["a", "a"]\n', "twice"),
        (SERVER, "access_points: ['s[1-3]']\n", "write out"),
        (SERVER, "access_points: [s1, s1]\n", "twice"),
        (SERVER, "fault_path: /rack0/chassis1\n", "one level"),
        (SERVER, "fault_cb: /usr/local/bin/where\n", "move it there"),
        (SERVER, "{set_hugepages: true, name: a}\n", "take it out"),
        (SERVER, "transport_config:\n  server_name: server\n", "too unusual"),
        (SERVER, "x: &x true\n", "the key x"),
        (SERVER, "disable_vmd: &x true\nhyperthreads: *x\n", "too unusual"),
        (AGENT, "colour: blue\n", "the key colour"),
        (CONTROL, "transport_config:\n  colour: blue\n", "the key colour"),
    ],
)
def test_what_cannot_be_converted_for_sure_is_refused(name: str, text: str, says: str) -> None:
    with pytest.raises(Unconvertible, match="(?s)" + says.replace("(", r"\(").replace(")", r"\)")):
        convert(name, text)


@pytest.mark.parametrize(
    ("before", "after"),
    [("true", "false"), ("no", "true"), ("False", "true"), ("y", "false"), ('"off"', "true")],
)
def test_vmd_is_turned_around(before: str, after: str) -> None:
    assert convert(SERVER, f"disable_vmd: {before}\n") == f"enable_vmd: {after}\n"


def test_the_difference_names_the_file_that_is_kept() -> None:
    assert diff(SERVER, "servers:\n- rank: 0\n", "engines:\n- rank: 0\n").splitlines() == [
        "--- /etc/daos/daos_server.yml.1.x-backup",
        "+++ /etc/daos/daos_server.yml",
        "@@ -1,2 +1,2 @@",
        "-servers:",
        "+engines:",
        " - rank: 0",
    ]


def test_a_file_may_be_all_comments_afterwards() -> None:
    assert convert(SERVER, "set_hugepages: true\n") == "# not in 2.0: set_hugepages: true\n"


_COMMENTS = st.lists(st.sampled_from(["# a comment", "", "#servers: in a comment"]), max_size=2)
_ENGINES = st.lists(
    st.fixed_dictionaries(
        {"targets": st.integers(1, 64)},
        optional={
            "name": st.just("inner"),
            "socket_dir": st.just("/run/x"),
            "rank": st.integers(0, 9),
            "scm_mount": st.sampled_from(["/mnt/daos0", "/mnt/daos 1"]),
            "bdev_list": st.lists(st.sampled_from(["0000:81:00.0", "0000:82:00.0"]), unique=True),
            "bdev_class": st.sampled_from(["nvme", "", None]),
            "env_vars": st.lists(st.just("CRT_TIMEOUT=30"), max_size=2),
            "log_file": st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1),
        },
    ),
    min_size=1,
    max_size=3,
)
_FILES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("daos_server"),
        "servers": _ENGINES,
        "disable_vmd": st.booleans(),
        "set_hugepages": st.booleans(),
        "access_points": st.just(["s1", "s2", "s3"]),
        "transport_config": st.fixed_dictionaries(
            {"allow_insecure": st.booleans()}, optional={"server_name": st.just("server")}
        ),
        "fault_path": st.sampled_from(["", "/rack0"]),
        "nr_hugepages": st.integers(-1, 9000),
    },
)


@settings(deadline=None)
@given(data=_FILES, comments=_COMMENTS, style=st.sampled_from([None, False]), indent=st.booleans())
def test_any_file_means_in_2_0_what_it_meant_in_1_x(
    data: dict[str, Any], comments: list[str], style: bool | None, indent: bool
) -> None:
    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            return super().increase_indent(flow, indentless and not indent)

    # Without a style, what holds no other lists and sets of keys is written within braces.
    pieces = [{key: value} for key, value in data.items()] if style is False else [data]
    parts = [
        yaml.dump(piece, Dumper=Dumper, default_flow_style=style, sort_keys=False)
        for piece in pieces
    ]
    text = "\n".join([line for part in parts for line in [*comments, part.rstrip("\n")]])
    try:
        after = convert(SERVER, text)
    except Unconvertible as problem:
        assert style is None  # only what stands within braces
        assert "take it out" in str(problem)
        return
    meant = yaml.safe_load(after) or {}
    assert meant.get("engines") == _engines(data.get("servers"))
    assert meant.get("enable_vmd") == (not data["disable_vmd"] if "disable_vmd" in data else None)
    for gone in ("servers", "disable_vmd", "set_hugepages"):
        assert gone not in meant
    for key in ("name", "access_points", "fault_path", "nr_hugepages"):
        assert meant.get(key) == data.get(key)
    assert [line for line in after.splitlines() if line in comments] == [
        line for line in text.splitlines() if line in comments
    ]
    assert convert(SERVER, after) == after


def _engines(servers: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    def engine(data: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in data.items() if key not in ("name", "socket_dir")}
        if not kept.get("bdev_class") and ("bdev_class" in kept or kept.get("bdev_list")):
            kept["bdev_class"] = "nvme"
        return kept

    return None if servers is None else [engine(server) for server in servers]


@pytest.mark.parametrize(
    ("name", "command", "path"),
    [
        (SERVER, "", "/etc/daos/daos_server.yml"),
        (SERVER, "/usr/bin/daos_server start", "/etc/daos/daos_server.yml"),
        (SERVER, "/usr/bin/daos_server start -o /opt/site/s.yml", "/opt/site/s.yml"),
        (SERVER, "/usr/bin/daos_server -o=/opt/s.yml start", "/opt/s.yml"),
        (SERVER, "/usr/bin/numactl -o x daos_server start --config=/opt/s.yml", "/opt/s.yml"),
        (SERVER, "/usr/bin/daos_server start --config /opt/s.yml", "/opt/s.yml"),
        (AGENT, "/usr/bin/daos_agent -i --config-path=/opt/a.yml", "/opt/a.yml"),
        (AGENT, "/usr/bin/daos_agent -o", ""),
    ],
)
def test_the_unit_tells_which_file_is_read(name: str, command: str, path: str) -> None:
    assert read_by(command.split(), name) == path


def test_what_a_wrapper_reads_is_not_known() -> None:
    with pytest.raises(Unconvertible, match="starts `/opt/site/daos-start -v`"):
        read_by(["/opt/site/daos-start", "-v"], SERVER)
