# AlmaLinux 9.4.
dnf_and_its_other_name
ln -sf almalinux-release /etc/redhat-release
build os-release.spec release_name=almalinux-release release_version=9.4 releasever=9
