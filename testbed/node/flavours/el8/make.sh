# CentOS 8.5.
dnf_and_its_other_name
ln -sf centos-release /etc/redhat-release
build os-release.spec release_name=centos-linux-release release_version=8
