# What every image of the lab is built on: a Debian with the packages of packages.txt. FOUNDATION is
# the distribution's image of a registry, or one made by mmdebstrap that holds the packages already.
ARG FOUNDATION
FROM ${FOUNDATION}
COPY packages.txt /usr/lib/daos-lab/packages.txt
RUN packages=$(cat /usr/lib/daos-lab/packages.txt) \
 && if ! dpkg -s $packages >/dev/null 2>&1; then \
        apt-get update \
     && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages \
     && rm -rf /var/lib/apt/lists/*; \
    fi
# Where the distributions have it; Debian's rpm keeps its database in the caller's home.
RUN mkdir -p /etc/rpm && echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
