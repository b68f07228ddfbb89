"""The container images of a lab, and the Debian they are built on."""
