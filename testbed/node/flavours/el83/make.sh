# CentOS 8.3 with hwloc 1.11, and a repository that holds 8.4 with hwloc 2.2.
dnf_and_its_other_name
build os-release.spec release_name=centos-linux-release release_version=8.3 \
    release_release=1.2011.el8 releasever=8 \
    release_line="CentOS Linux release 8.3.2011"
build hwloc.spec hwloc_version=1.11.9 hwloc_release=3.el8 hwloc_soname=5
