#!/bin/sh
# Makes a node of one distribution: its package manager and nothing of the others, and the packages
# that stand for the distribution. What is its own is in make.sh, beside this.
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
. "$here/make.sh"
rpm -i "$scratch"/*/*.rpm
rm -rf "$scratch"
