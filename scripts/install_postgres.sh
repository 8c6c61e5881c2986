#!/bin/sh
# Installs what the tests of the service's store need, where this is Debian and we are root: PostgreSQL's server (by apt,
# 70 MB), without the database that Debian would make and start; the tests start one of their own. Elsewhere it says so
# and does nothing: those tests then skip with the reason.
set -eu
if command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install_postgres: needs root and apt-get; the tests of the store in PostgreSQL will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql-common &&
    sed -i 's/^#* *create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf &&
    apt-get install -qq -y --no-install-recommends postgresql; } >/dev/null 2>&1 ||
    echo "install_postgres: apt-get could not install PostgreSQL; the tests of the store in it will be skipped" >&2
