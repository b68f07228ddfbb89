# CentOS 7.9. It has yum only; here that is dnf under its name.
mv /usr/bin/dnf-3 /usr/bin/yum
rm -f /usr/bin/dnf /usr/bin/zypper
ln -sf /etc/yum.conf /etc/dnf/dnf.conf
ln -sf centos-release /etc/redhat-release
mkdir -p /etc/yum.repos.d
build os-release.spec release_name=centos-release release_version=7 has_hwloc1=1
