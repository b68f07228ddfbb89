"""What yum, dnf and zypper are told, for each purpose. No I/O.

Only options that the yum of CentOS 7 has as well.
"""

import re
from collections.abc import Iterable, Iterator

from .names import WORD

REPOSITORY = "daos-offline-update"
CHECK = "daos-offline-check"  # the repository while it is only resolved
KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-daos-offline-update"  # on each node, once it was looked at
LOG = "/var/log/daos-offline-update.log"  # on each node, all that was said in the transaction
_IN_FOLDER = ' --setopt=reposdir="$folder"'
_OFFERED = re.compile(rf"^ daos +\w+ +({WORD}) ", re.MULTILINE)
# A row of the table of what is installed; where its columns are too narrow, it has several lines.
_ROW = re.compile(rf"^ ({WORD})\s+\w+\s+{WORD}\s+(\S+)\s+[\d.]+( [kMGT])?\s*$", re.MULTILINE)
_LISTED = re.compile(rf"^({WORD})\.(\w+)\s+({WORD})\s+{CHECK}(?=\s|$)", re.MULTILINE)

# Copies what defines repositories to $folder; `own` says what is done with the one of the update.
_COPIES = """\
for file in {sources}; do
    case $file in
        */{repository}.repo){own} ;;
        *) [ ! -f "$file" ] ||
{copy} ;;
    esac
done
"""
_IN_A_FOLDER = """\
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
"""


class PackageManager:
    """A package manager, and what it is told: shell commands with {packages} in them.

    Those with {verb} are for the way back as well, while no engine has run on the release that is
    to be left again.

    + command: its command
    + options: what it is told each time: to fail rather than to go on without a package
    + folder: where repositories are defined for it
    + sources: all that may define one, as patterns of the shell
    + copy: copies $file, which defines some of the site's, to $folder
    + defined: what such a definition says besides
    + unsigned: the same of one that is only resolved, whose metadata is not checked
    + sign: what it writes between name and version
    + older: its verb for an older version
    + both: the option that enables the repositories of both releases
    + resolve: resolve with what is defined in $folder, and change nothing
    + forget: remove what it keeps about the repository that was only resolved
    + newer: list what is installed of which the repository that is only resolved has a newer one
    + fetch: download, check against the signing key right away, not in the window, and test the
      transaction, which has it find files that belong to another package
    + install: inside the window: nothing but the transaction, from what was fetched
    + finish: from half the way to the release that is left; its packages may have been fetched
      under the name of the one repository, and are in the other by now
    + again: its words for what is installed already, from DAOS's repository alone
    + find_os: see that the node's repositories hold a later release of its operating system
    + fetch_with_os, install_with_os: the same with the operating system in the same transaction;
      "" where that cannot be
    """

    command: str
    options = ""
    folder: str
    sources: str
    copy = 'cp "$file" "$folder"'
    defined = ""
    unsigned = ""
    sign = "-"
    older = "downgrade"
    both = ""
    resolve: str
    forget: str
    newer: str
    fetch: str
    install: str
    finish: str
    again: str
    find_os = ""
    fetch_with_os = ""
    install_with_os = ""

    @property
    def apart(self) -> str:
        """What precedes each line but `resolve`, for which the check does it; "" if nothing."""
        return ""

    def copies(self, own: str = "") -> str:
        """Shell lines that copy the site's repositories to $folder.

        + own: what is done with $file where that is the update's own
        """
        return _COPIES.format(sources=self.sources, repository=REPOSITORY, own=own, copy=self.copy)

    def exactly(self, name: str, release: str) -> str:
        """A package in exactly this release ("21.07-11.noarch"), as it is told."""
        return f"{name}-{release}"

    def listed(self, output: str) -> Iterator[tuple[str, str]]:
        """What `newer` lists: the name of each package, and the release that it can get."""
        # What replaces another package is no newer one of it.
        for name, arch, evr in _LISTED.findall(output.partition("Obsoleting Packages")[0]):
            yield name, f"{evr}.{arch}"

    def offered(self, output: str) -> str | None:
        """The build of DAOS that `resolve` would bring, "2.0.3-6.el8"; None where it says none."""
        return None

    def sources_of(self, output: str) -> dict[str, str]:
        """The repository that `resolve` would have each package from; empty where it says none.

        Zypper takes what is named from the repository that it is told, and does not say so.
        """
        return {}

    def told(self, line: str, packages: Iterable[str], back: bool) -> str:
        """One of its commands, about packages that each say in which release.

        + back: whether it is one of the way back
        """
        verb, both = (self.older, self.both) if back else ("install", "")
        command = " ".join(filter(None, (self.command, self.options)))
        before = "" if line in (self.resolve, self.newer) else self.apart
        return before + line.format(
            command=command, verb=verb, both=both, packages=" ".join(packages)
        )

    def typed(self, line: str) -> str:
        """What somebody would type who wants to see again what such a line does."""
        return line.removeprefix(self.apart).replace(_IN_FOLDER, "")


# For a node whose operating system the target does not support. Where an older DAOS needs a library
# that only the old system has (hwloc 1.11 of CentOS 8.3), neither of the two can be updated alone.
# `update` alone would take the newest DAOS there is, so the shell of yum and dnf is told both. It
# exits 0 whatever happens.
_WITH_OS = """\
here=$(mktemp -d) || exit 1
printf 'install %s\\nupdate\\nrun\\n' "{{packages}}" > "$here/script"
LC_ALL=C {{command}} -y {option} --setopt=keepcache=1 shell "$here/script" 2>&1 | tee "$here/log"
{see}
code=$?
rm -rf "$here"
(exit $code)
"""
_DOWNLOAD_WITH_OS = _WITH_OS.format(option="--downloadonly", see='! grep -q ^Error "$here/log"')

# rpm's own test of the transaction, before which yum and dnf stop where they only download: that no
# file belongs to another package already, that there is room for all.
_TESTED = "{command} -y -C{both} --setopt=keepcache=1 --setopt=tsflags=test {verb} {packages}"

# DAOS comes from its own repository alone, whatever priority another one has, and whether that is
# checked or not. Neither yum nor dnf can be told so of packages, and yum of no pattern of
# repositories: the others leave them out, in copies of what defines them.
_LEAVING_OUT = """\
awk '/^[ \\t]*\\[/ {if (in_one && !told) print "exclude=daos daos-*"; in_one = 1; told = 0}
    /^exclude(pkgs)?[ \\t]*=/ {told = 1; sub(/=/, "=daos daos-* ")}
    {print}
    END {if (in_one && !told) print "exclude=daos daos-*"}' "$file" > "$folder/${file##*/}\""""


class Yum(PackageManager):
    """yum of CentOS 7 and RHEL 7."""

    command = "yum"
    # By itself it goes on without a name that it cannot find, whatever yum.conf says of the rest. A
    # yum that is older than an option warns of it.
    options = (
        "--setopt=skip_missing_names_on_install=0 --setopt=skip_missing_names_on_update=0"
        " --setopt=skip_broken=0" + _IN_FOLDER
    )
    folder = "/etc/yum.repos.d"
    sources = "/etc/yum.repos.d/*.repo /etc/yum/repos.d/*.repo /etc/distro.repos.d/*.repo"
    copy = _LEAVING_OUT
    # dnf wants to be told of a key, and with --assumeno takes none.
    unsigned = f"gpgkey=file://{KEY}\nrepo_gpgcheck=0\n"
    both = f" --enablerepo='{REPOSITORY}*'"
    resolve = "{command} --assumeno {verb} {packages}"
    forget = f"rm -rf /var/cache/yum/{CHECK}* /var/cache/yum/*/*/{CHECK}*"
    # It exits 100 where there is something.
    newer = f"{{command}} -q --disablerepo='*' --enablerepo={CHECK} check-update || [ $? = 100 ]"
    _download = (
        "{command} -y -q clean expire-cache"
        " && {command} -y{both} --setopt=keepcache=1 {verb} --downloadonly {packages}"
    )
    fetch = f"{_download} && {_TESTED}"
    install = "{command} -y -C{both} --setopt=keepcache=1 {verb} {packages}"
    finish = f"{{command}} -y{both} --setopt=keepcache=1 install {{packages}}"
    again = f"--disablerepo='*' --enablerepo={REPOSITORY} reinstall"
    # The release of CentOS and RHEL is a package; `check-update` exits 100 where there is a later.
    # DAOS's repository has none, and nobody is there to confirm the key of its metadata.
    find_os = (
        f"{{command}} -q --disablerepo='{REPOSITORY}*' check-update "
        "$(rpm -qa --queryformat '%{{NAME}}\\n' 'centos-release' 'centos-linux-release' "
        "'redhat-release*') > /dev/null 2>&1; [ $? = 100 ]"
    )
    fetch_with_os = f"({_download}) && (\n{_DOWNLOAD_WITH_OS})"
    install_with_os = _WITH_OS.format(option="-C", see="rpm -q {packages} > /dev/null")

    def offered(self, output: str) -> str | None:
        found = _OFFERED.search(output)
        return found[1] if found else None

    def sources_of(self, output: str) -> dict[str, str]:
        return {name: source for name, source, _ in _ROW.findall(output)}

    @property
    def apart(self) -> str:
        return _IN_A_FOLDER + self.copies(' cp "$file" "$folder"')


class Dnf(Yum):
    """dnf of EL 8, which takes nearly all that yum takes."""

    command = "dnf"
    # Without `best` a node may fall back to an older build of the same version.
    options = "--setopt=strict=1 --setopt=best=1" + _IN_FOLDER
    forget = f"rm -rf /var/cache/dnf/{CHECK}*"
    _download = "{command} -y{both} --refresh --setopt=keepcache=1 {verb} --downloadonly {packages}"
    # All of it at once: "DNF will only download packages, install gpg keys, and check the
    # transaction", as it says itself.
    fetch = (
        "{command} -y{both} --refresh --setopt=keepcache=1 --setopt=tsflags=test {verb} {packages}"
    )
    fetch_with_os = f"({_download}) && (\n{_DOWNLOAD_WITH_OS})"


# 102, 103 and 106 say that it is done, and that a reboot or another repository is wanted; 107 that
# it is, and that a script of a package has failed, at which rpm, yum and dnf exit 0.
_DONE = " || case $? in 102|103|106|107) ;; *) false ;; esac"
_UPDATE = re.compile(r'<update (?=[^>]*kind="package")([^>]*)>')
_ATTRIBUTE = re.compile(rf'(name|edition|arch)="({WORD})"')


class Zypper(PackageManager):
    """zypper of openSUSE Leap and SLES."""

    command = "zypper"
    folder = "/etc/zypp/repos.d"
    sources = "/etc/zypp/repos.d/*.repo"
    defined = "type=rpm-md\npkg_gpgcheck=1\n"
    sign = "="
    older = "install --oldpackage"
    # No key is imported; what is installed later is checked, see `packages.fetched`.
    _refresh = (
        f'{{command}} --non-interactive --no-gpg-checks --reposd-dir "$folder" refresh {CHECK} && '
    )
    # Of other vendors, too, as most of them are: what is named with its release is installed.
    newer = (
        f"{_refresh}"
        '{command} --non-interactive --no-refresh --xmlout --reposd-dir "$folder" list-updates'
        f" --all --repo {CHECK}"
    )
    resolve = (
        f"{_refresh}"
        '({command} --non-interactive --reposd-dir "$folder" {verb}'
        f" --from {CHECK} --dry-run {{packages}}"
        f"{_DONE})"
    )
    # It keeps the key it was shown, too; nobody has trusted that yet.
    forget = (
        f"rm -rf /var/cache/zypp/*/{CHECK}*; find /var/cache/zypp/pubkeys -type f"
        f' -newer "$folder/{CHECK}.repo" -delete 2>/dev/null'
    )
    fetch = (
        f"{{command}} --non-interactive refresh {REPOSITORY}"
        f" && ({{command}} --non-interactive {{verb}} --from {REPOSITORY} --download-only"
        f" {{packages}}{_DONE})"
        # What is there already is downloaded no more; files of other packages are looked for.
        f" && ({{command}} --non-interactive --no-refresh {{verb}} --from {REPOSITORY}"
        f" --dry-run --download-only {{packages}}{_DONE})"
    )
    _install = "ZYPP_LOCK_TIMEOUT=60 {command} --non-interactive --no-refresh {verb}"
    install = f"{_install} --from {REPOSITORY} {{packages}}{_DONE}"
    finish = f"{_install} {{packages}}{_DONE}"
    again = f"modifyrepo --enable {REPOSITORY} && zypper install --force --from {REPOSITORY}"

    def exactly(self, name: str, release: str) -> str:
        evr, _, arch = release.rpartition(".")
        return f"{name}.{arch}={evr}"

    def listed(self, output: str) -> Iterator[tuple[str, str]]:
        for tag in _UPDATE.findall(output):
            told = dict(_ATTRIBUTE.findall(tag))
            if len(told) == 3:
                yield told["name"], f"{told['edition']}.{told['arch']}"


# The repository of an update is of use to nobody afterwards: what somebody has a package manager
# update next week is not to move DAOS.
REPOSITORY_DISABLED = "".join(
    f"file={kind.folder}/{REPOSITORY}.repo;"
    " [ ! -f $file ] || sed -i 's/^enabled=1$/enabled=0/' $file || exit 1\n"
    for kind in (Yum, Zypper)
)
