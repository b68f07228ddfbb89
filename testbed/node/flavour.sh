#!/bin/sh
# Makes a node of one distribution: its package manager and nothing of the others, and the packages
# that stand for the distribution. flavour.sh el7|el8|el83|leap15
set -e
here=$(dirname "$0")

build() { # $1: the spec; the rest: NAME=VALUE to define
    spec=$1
    shift
    set -- "$@" _topdir="$scratch" _rpmdir="$scratch"
    for word; do
        set -- "$@" --define "${word%%=*} ${word#*=}"
        shift
    done
    rpmbuild -bb --quiet "$@" "$here/$spec"
}

dnf_and_its_other_name() {
    ln -sf dnf-3 /usr/bin/yum
    rm -f /usr/bin/zypper
    ln -sf dnf/dnf.conf /etc/yum.conf
    mkdir -p /etc/yum.repos.d
}

scratch=$(mktemp -d)
case $1 in
el7)
    # CentOS 7 has yum only; here it is dnf under that name.
    mv /usr/bin/dnf-3 /usr/bin/yum
    rm -f /usr/bin/dnf /usr/bin/zypper
    ln -sf /etc/yum.conf /etc/dnf/dnf.conf
    ln -sf centos-release /etc/redhat-release
    mkdir -p /etc/yum.repos.d
    build os-release.spec release_name=centos-release release_version=7 has_hwloc1=1
    ;;
el8)
    dnf_and_its_other_name
    ln -sf centos-release /etc/redhat-release
    build os-release.spec release_name=centos-linux-release release_version=8
    ;;
el83)
    # With hwloc 1.11, and a repository that holds 8.4 with hwloc 2.2.
    dnf_and_its_other_name
    build os-release.spec release_name=centos-linux-release release_version=8.3 \
        release_release=1.2011.el8 releasever=8 \
        release_line="CentOS Linux release 8.3.2011"
    build hwloc.spec hwloc_version=1.11.9 hwloc_release=3.el8 hwloc_soname=5
    ;;
leap15)
    rm -f /usr/bin/dnf /usr/bin/dnf-3
    ln -sf Leap.prod /etc/products.d/baseproduct
    build os-release.spec release_name=openSUSE-release release_version=15.3 has_hwloc1=1
    ;;
*)
    echo "$1 is no flavour" >&2
    exit 1
    ;;
esac

rpm -i "$scratch"/*/*.rpm
rm -rf "$scratch"
