"""What the repositories of the lab hold besides, and what nodes have of it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.lab import provision

from .site import Site

SPDK, NEWER_SPDK = "spdk-tools-21.07-8.noarch", "spdk-tools-21.07-11.noarch"


def publish(site: Site, packages: str) -> None:
    """Put what is published later into the repositories of 2.0: "spdk-tools*"."""
    site.lab.repo.run(
        f"cd /srv/later/v2.0 && for it in *; do cp $it/{packages} /srv/www/v2.0/$it"
        " && refresh-repository /srv/www/v2.0/$it || exit 1; done"
    )


def an_older_dependency(site: Site) -> None:
    """All nodes have a dependency of which the repositories hold a newer one.

    It is their distribution's own, and of another vendor than the newer one.
    """
    publish(site, "spdk-tools*")
    site.lab.repo.run(
        "rpmbuild -bb --quiet --define 'vendor SUSE LLC' --define 'spdk_release 8'"
        " --define '_rpmdir /srv/www' --define '_rpmfilename distributed.rpm'"
        " /usr/lib/daos-lab/packages/spdk-tools.spec"
    )
    for node in site.lab.nodes.values():
        place = f"http://{provision.REPOSITORY}/distributed.rpm"
        node.run(f"rpm -U --replacepkgs --nosignature {place}")


def spdk(site: Site) -> set[str]:
    """What the nodes have of that dependency."""
    asked = "rpm -q spdk-tools || true"
    return {node.run(asked).stdout.strip() for node in site.lab.nodes.values()}


def builds(site: Site) -> set[str]:
    """The builds of DAOS that the nodes have, without what names the distribution: "2.0.3-2"."""
    asked = "rpm -qa --qf '%{VERSION}-%{RELEASE}\\n' daos 'daos-*'"
    found = [node.run(asked).stdout.split() for node in site.lab.nodes.values()]
    return {build.rpartition(".")[0] for their in found for build in their}


# A package of the site's own: it has a file that 2.0.3 brings as well, or a script that fails
# whenever `daos` is installed.
_SITE_TOOLS = """\
Name: site-tools
Version: 1
Release: 1
Summary: What the site has of its own
License: none
BuildArch: noarch
%description
Of the site.
%install
mkdir -p %{{buildroot}}/usr/lib64
touch %{{buildroot}}/usr/lib64/{file}
{script}
%files
/usr/lib64/{file}
"""


@contextmanager
def site_tools(site: Site, file: str = "libsite.so", script: str = "") -> Iterator[None]:
    """Every node has a package of the site's own.

    + file: what it has in /usr/lib64
    + script: a section of its spec file
    """
    spec = _SITE_TOOLS.format(file=file, script=script)
    site.lab.repo.run(
        f"printf %s {shlex.quote(spec)} > /tmp/site.spec && rpmbuild -bb --quiet"
        " --define '_rpmdir /srv/www' --define '_rpmfilename site-tools.rpm' /tmp/site.spec"
    )
    nodes = site.lab.nodes.values()
    for node in nodes:
        node.run(f"rpm -U --nosignature http://{provision.REPOSITORY}/site-tools.rpm")
    try:
        yield
    finally:
        for node in nodes:
            node.run("rpm -e site-tools")
