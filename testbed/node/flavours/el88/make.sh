# Rocky Linux 8.8.
dnf_and_its_other_name
ln -sf rocky-release /etc/redhat-release
build os-release.spec release_name=rocky-release release_version=8.8 releasever=8
