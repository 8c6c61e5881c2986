#!/bin/sh
# Installs what the suite `miniwob` and the tests of the page need, where this is Debian and we are root: Chromium and its driver (by apt, 350 MB).
# Elsewhere it says so and does nothing: its tests then skip with the reason.
set -eu
if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install_chromium: needs root and apt-get; the tests in a browser will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 ||
    echo "install_chromium: apt-get could not install Chromium; the tests in a browser will be skipped" >&2
