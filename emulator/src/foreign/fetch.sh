#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds a root folder for RV64 in DIR from Debian's packages, for run.sh:  fetch.sh DIR
# apt works on state of its own in DIR/.apt, and takes mirror and keyring from the sources of the host. Nothing of
# the host is changed, and no script of a package is run.
set -eu
test $# = 1 || { echo "usage: fetch.sh DIR" >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
apt=$root/.apt
suite=${SUITE:-trixie}
programs="dash busybox lua5.4 sqlite3 gzip zstd mawk openssl python3.13-minimal libpython3.13-stdlib stress-ng"
# The test suite of Python is one file of some MiB that is wanted in part.
tests=libpython3.13-testsuite

sources=$(cat /etc/apt/sources.list.d/*.sources 2> /dev/null || true)
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' <<< "$sources" | grep -v security | head -1)
test -n "$mirror" || mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' /etc/apt/sources.list | head -1)
test -n "$mirror" || { echo "no source of packages in /etc/apt" >&2; exit 1; }

mkdir -p "$apt"/{lists/partial,archives/partial,etc/preferences.d,etc/apt.conf.d}
: > "$apt/status"
echo "deb $mirror $suite main" > "$apt/etc/sources.list"
options=(-q -y
  -o APT::Architecture=riscv64 -o APT::Architectures::=riscv64 -o APT::Sandbox::User=
  -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status"
  -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives"
  -o Dir::Etc::sourcelist="$apt/etc/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o Acquire::Languages=none -o APT::Install-Recommends=false -o APT::Keep-Downloaded-Packages=true)
apt-get "${options[@]}" update
# shellcheck disable=SC2086
apt-get "${options[@]}" -d install $programs
(cd "$apt/archives" && apt-get "${options[@]}" download $tests)

mkdir -p "$root"/{usr/bin,usr/sbin,usr/lib,tmp,work,etc}
for folder in bin sbin lib; do ln -sfn usr/$folder "$root/$folder"; done
for package in "$apt"/archives/*.deb; do
  case $package in
    *libllvm* | *mesa* | *libz3*) continue ;; # of the graphics of stress-ng, which no check here uses
  esac
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./dev/*' --exclude='./proc/*'
done
ln -sfn dash "$root/usr/bin/sh"
ln -sfn mawk "$root/usr/bin/awk"
ls "$apt/archives" | grep -c 'deb$' | sed 's/$/ packages/'
