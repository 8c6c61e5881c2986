#!/bin/sh
# Installs what the suite `scienceworld` needs, where this is Debian and we are root: a Java without a screen (by apt).
# Elsewhere it says so and does nothing: its tests then skip with the reason.
set -eu
if command -v java >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install_java: needs root and apt-get; the tests of the suite 'scienceworld' will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends default-jre-headless; } >/dev/null 2>&1 ||
    echo "install_java: apt-get could not install Java; the tests of the suite 'scienceworld' will be skipped" >&2
