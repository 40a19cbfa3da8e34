#!/bin/sh
# Builds the programs of this folder with Debian's cross compiler (gcc-riscv64-linux-gnu), into the test resources. With
# "--check" compares them with those that are there, byte for byte.
set -eu
cd "$(dirname "$0")"
target=../resources/riscv
out=$target
[ "${1:-}" = --check ] && out=$(mktemp -d)
for source in *.c; do
    program=${source%.c}
    [ "$program" = guest ] && continue
    strip=-s
    [ "$program" = debugged ] && strip=
    kind=-static
    [ "$program" = pie ] && kind="-static-pie -fPIE -Wl,--no-dynamic-linker"
    riscv64-linux-gnu-gcc -O1 -march=rv64gc -mabi=lp64d -nostdlib $kind -ffreestanding -fno-builtin \
        -fno-tree-loop-distribute-patterns -fno-stack-protector -fno-asynchronous-unwind-tables -Wall -Wno-main $strip \
        -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -DNAME="\"$program\"" -o "$out/$program" \
        guest.c "$source"
    [ "$program" = debugged ] && strip=-g
    riscv64-linux-gnu-strip $strip -R .comment -R .riscv.attributes "$out/$program"
    [ "$out" = "$target" ] || cmp "$out/$program" "$target/$program"
done
