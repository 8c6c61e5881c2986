#!/bin/sh
# Installs what the tests of the sandbox `docker` need, where this is Debian and we are root: podman, runc, conmon (by apt,
# about 10 seconds). Elsewhere it says so and does nothing: those tests then skip with the reason.
set -eu
if command -v podman >/dev/null && command -v runc >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install_podman: needs root and apt-get; the tests of the sandbox 'docker' will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends podman runc conmon; } >/dev/null 2>&1 ||
    echo "install_podman: apt-get could not install podman; the tests of the sandbox 'docker' will be skipped" >&2
