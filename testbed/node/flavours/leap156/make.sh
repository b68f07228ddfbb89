# openSUSE Leap 15.6.
rm -f /usr/bin/dnf /usr/bin/dnf-3
ln -sf Leap.prod /etc/products.d/baseproduct
build os-release.spec release_name=openSUSE-release release_version=15.6
