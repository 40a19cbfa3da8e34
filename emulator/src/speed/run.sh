#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures the emulator: interpreted, translated, both with one buffer as memory instead of the library's, and QEMU:
#   run.sh [DIR] [REPETITIONS]
# DIR is a root folder that ../foreign/fetch.sh has built and ../foreign/run.sh has used; without it, Lua and zstd are
# left out. The jar has to be built. Prints milliseconds of processor time for a round, the median of the repetitions (5
# unless given), in turns. A time is the difference of two runs with more and with fewer rounds, so that neither the
# start nor most of the work of compilers is in it. Before that, it prints the seconds of a whole run of hello.c.
#
# With one buffer (one-buffer.patch) an access goes to its address without the high bits, and nothing is checked. Only
# programs that map nothing can run so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${1:-}
repetitions=${2:-5}
jar=$here/../../../tool/target/samara.jar
test -f "$jar" || { echo "run.sh: $jar is not built" >&2; exit 2; }
speed=$here/../test/resources/riscv/speed
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir "$scratch/src" "$scratch/classes"
cp "$here/../../../core/src/main/java/dev/samara/core/guest/FlatMemory.java" \
  "$here/../main/java/dev/samara/emulator/translate/AccessWriter.java" "$scratch/src"
# The jar has no annotations of nullness.
sed -i 's/@Nullable //; /jspecify/d' "$scratch"/src/*.java
patch -s -d "$scratch/src" -p0 < "$here/one-buffer.patch"
javac -nowarn -proc:none -cp "$jar" -d "$scratch/classes" "$scratch/src/FlatMemory.java" "$scratch/src/AccessWriter.java"

main=dev.samara.tool.cli.SamaraCommand
run() { # MODE ARGUMENTS of the emulator and the program
  local mode=$1
  shift
  case $mode in
    interpreter) java -Xmx2g -cp "$jar" $main run --interpret "$@" ;;
    translator) java -Xmx2g -cp "$jar" $main run "$@" ;;
    interpreter/buffer) java -Xmx2g -cp "$scratch/classes:$jar" $main run --interpret "$@" ;;
    translator/buffer) java -Xmx2g -cp "$scratch/classes:$jar" $main run "$@" ;;
    qemu) qemu-riscv64 ${root:+-L "$root"} "${@#--sysroot=*}" ;;
  esac
}

program() { # NAME MODE ROUNDS
  local qemu_root=
  [ "$2" = qemu ] && qemu_root=$root
  case $1 in
    sieve) run "$2" "$speed" s "$3" ;;
    matrices) run "$2" "$speed" m "$3" ;;
    quicksort) run "$2" "$speed" q "$3" ;;
    tree) run "$2" "$speed" t "$(($3 * 15))" ;;
    fib | strings)
      cp "$here/$1.lua" "$root/$1.lua"
      if [ "$2" = qemu ]; then run qemu "$root/usr/bin/lua5.4" "$root/$1.lua" "$3"
      else run "$2" --sysroot "$root" "$root/usr/bin/lua5.4" "/$1.lua" "$3"; fi ;;
    zstd)
      local files=() i
      for ((i = 0; i < $3; i++)); do files+=("$qemu_root/.results/data.txt"); done
      if [ "$2" = qemu ]; then run qemu "$root/usr/bin/zstd" -q -9 -c "${files[@]}"
      else run "$2" --sysroot "$root" "$root/usr/bin/zstd" -q -9 -c "${files[@]}"; fi ;;
  esac
}

rounds() { # NAME MODE: fewer and more rounds
  local factor=1
  case $2 in translator* | qemu) factor=6 ;; esac
  case $1 in
    sieve | matrices | quicksort | tree) echo $((20 * factor)) $((80 * factor)) ;;
    fib) echo $((60 * factor)) $((240 * factor)) ;;
    strings) echo $((20 * factor)) $((80 * factor)) ;;
    zstd) echo $((1 * factor)) $((3 * factor)) ;;
  esac
}

processor() { # NAME MODE ROUNDS: seconds
  local TIMEFORMAT='%U %S'
  { time program "$1" "$2" "$3" > /dev/null 2> "$scratch/errors"; } 2> "$scratch/time" || {
    cat "$scratch/errors" >&2
    exit 1
  }
  awk '{ print $1 + $2 }' "$scratch/time"
}

# With the cross compiler: seconds from the start of the JVM to its end.
if command -v riscv64-linux-gnu-gcc > /dev/null; then
  riscv64-linux-gnu-gcc -O2 -static -o "$scratch/hello" "$here/hello.c"
  for ((i = 0; i < repetitions; i++)); do
    { TIMEFORMAT=%R; time run translator "$scratch/hello" > "$scratch/output"; } 2>> "$scratch/hello.times"
    echo hello | cmp - "$scratch/output"
  done
  median=$(sort -n "$scratch/hello.times" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }')
  echo "hello, s of a run: $median"
fi

programs="sieve matrices quicksort tree"
[ -n "$root" ] && programs="$programs fib strings zstd"
for name in $programs; do
  modes="interpreter translator"
  case $name in sieve | matrices | quicksort | tree) modes="interpreter interpreter/buffer translator translator/buffer" ;; esac
  command -v qemu-riscv64 > /dev/null && modes="$modes qemu"
  for ((i = 0; i < repetitions; i++)); do
    for mode in $modes; do
      read -r few many <<< "$(rounds "$name" "$mode")"
      a=$(processor "$name" "$mode" "$few")
      b=$(processor "$name" "$mode" "$many")
      awk -v a="$a" -v b="$b" -v n=$((many - few)) 'BEGIN { printf "%.3f\n", (b - a) / n * 1000 }' \
        >> "$scratch/$name.${mode/\//.}"
    done
  done
  line="$name, ms of a round:"
  for mode in $modes; do
    median=$(sort -n "$scratch/$name.${mode/\//.}" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }')
    line="$line  $mode $median"
  done
  echo "$line"
done
