#!/bin/sh
# Makes a node of one distribution: its package manager and nothing of the others, and the package
# that stands for the distribution. flavour.sh el7|el8|leap15
set -e
here=$(dirname "$0")

case $1 in
el7)
    # CentOS 7 has yum only; here it is dnf under that name.
    mv /usr/bin/dnf-3 /usr/bin/yum
    rm -f /usr/bin/dnf /usr/bin/zypper
    ln -sf /etc/yum.conf /etc/dnf/dnf.conf
    ln -sf centos-release /etc/redhat-release
    mkdir -p /etc/yum.repos.d
    name=centos-release version=7
    ;;
el8)
    ln -sf dnf-3 /usr/bin/yum
    rm -f /usr/bin/zypper
    ln -sf dnf/dnf.conf /etc/yum.conf
    ln -sf centos-release /etc/redhat-release
    mkdir -p /etc/yum.repos.d
    name=centos-linux-release version=8
    ;;
leap15)
    rm -f /usr/bin/dnf /usr/bin/dnf-3
    ln -sf Leap.prod /etc/products.d/baseproduct
    name=openSUSE-release version=15.3
    ;;
*)
    echo "$1 is no flavour" >&2
    exit 1
    ;;
esac

scratch=$(mktemp -d)
rpmbuild -bb --quiet --define "_topdir $scratch" --define "_rpmdir $scratch" \
    --define "release_name $name" --define "release_version $version" "$here/system-release.spec"
rpm -i "$scratch"/noarch/*.rpm
rm -rf "$scratch"
