#!/bin/sh
# Builds the judge for x86-64 and RV64 into the resources, with Debian's gcc 12.2.0 (gcc, gcc-riscv64-linux-gnu). With
# "--check" compares the binaries with those that are there, byte for byte.
set -eu
cd "$(dirname "$0")"
target=../resources/dev/samara/testing/judge
out=$target
[ "${1:-}" = --check ] && out=$(mktemp -d)
mkdir -p "$out"
build() { # build <compiler> <strip> <name> <flags...>
    compiler=$1 strip=$2 name=$3
    shift 3
    version=$("$compiler" -dumpfullversion)
    [ "$version" = 12.2.0 ] || { echo "$compiler is $version, and the binaries are those of 12.2.0" >&2; exit 1; }
    "$compiler" -O2 -std=gnu11 -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-pic \
        -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -nostdlib -static -no-pie \
        -Wl,--build-id=none,-z,noexecstack,-z,norelro,-z,noseparate-code "$@" -o "$out/$name" judge.c
    "$strip" -s -R .comment -R .riscv.attributes -R .note.gnu.property "$out/$name"
    [ "$out" = "$target" ] || cmp "$out/$name" "$target/$name"
}
build gcc strip judge-x86-64 -fcf-protection=none
build riscv64-linux-gnu-gcc riscv64-linux-gnu-strip judge-rv64 -march=rv64gc -mabi=lp64d
