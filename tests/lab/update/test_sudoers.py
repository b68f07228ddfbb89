"""An update by a user who has nothing but the sudoers fragment that the project prints."""

from __future__ import annotations

import shlex

from operations import sudoers
from testbed.lab.harness import LabNode

from ..site import ALL_ROLES, StartSite

USER = "storage-ops"
FILE = "/etc/sudoers.d/daos-offline-update"
SET_UP = """\
useradd --create-home --shell /bin/bash --password '*' {user}
cp -r /home/ops/.ssh /home/{user}/ && chown -R {user}: /home/{user}/.ssh
printf %s {fragment} > /tmp/fragment && visudo -cf /tmp/fragment
"""


def test_the_fragment_is_all_that_an_update_needs(start_fresh_site: StartSite) -> None:
    site = start_fresh_site([LabNode("daos-01", ALL_ROLES)])
    site.settings = {"ssh_user": USER}
    [node] = site.lab.nodes.values()
    fragment = shlex.quote(sudoers.fragment(USER))
    assert "parsed OK" in node.run(SET_UP.format(user=USER, fragment=fragment)).stdout
    refused = site.update()
    assert refused.exit_code == 1, refused.output
    [finding] = site.report["refusals"]
    assert finding["code"] == "unreadable"
    assert "NOPASSWD" in finding["message"]
    node.run(f"install -m 440 /tmp/fragment {FILE} && visudo -c")
    done = site.update()
    assert done.exit_code == 0, done.output
    site.check_whole("2.0.3")
    allowed = node.run("sudo -n -l", user=USER).stdout
    assert "/bin/sh -c *" in allowed
    assert node.run("sudo -n sh -c id", user=USER).stdout.startswith("uid=0")
    for other in ("id", "sh", "bash -c id", "-u ops sh -c id"):
        assert node.run(f"sudo -n {other}", user=USER, check=False).exit_code
