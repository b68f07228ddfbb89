# openSUSE Leap 15.3.
rm -f /usr/bin/dnf /usr/bin/dnf-3
ln -sf Leap.prod /etc/products.d/baseproduct
build os-release.spec release_name=openSUSE-release release_version=15.3 has_hwloc1=1
