#!/bin/sh
# Installs what the extra `household` needs to be built, where this is Debian and we are root: cmake and g++ (by apt).
# Elsewhere it says so and does nothing: the tests of the real engine then skip with the reason.
set -eu
if command -v cmake >/dev/null && command -v g++ >/dev/null && command -v make >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "install_alfworld: needs root and apt-get; the profile 'alfworld' of the suite 'household' cannot be built" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq -y --no-install-recommends cmake g++ make; } >/dev/null 2>&1 ||
    echo "install_alfworld: apt-get could not install cmake and g++; the extra 'household' cannot be built" >&2
