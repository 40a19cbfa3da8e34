#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the programs of this folder in each mode of the emulator and, where it is installed, on qemu-riscv64:
#   run.sh [PROGRAM...]
# Prints how many passed and failed in each mode, what a program that failed has printed, and each program that passes
# in all modes of the emulator and not on QEMU. SAMARA is the command that begins a run; by default that of the built
# jar. MODES names the modes if not all are wanted, and LIMIT the seconds that a program may take.
set -u
here=$(cd "$(dirname "$0")" && pwd)
binaries=$here/../resources/riscv
SAMARA=${SAMARA:-java -jar $here/../../../target/samara.jar run}
LIMIT=${LIMIT:-120}
MODES=${MODES:-interpreted translated at-once small-tlb checked qemu}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The first one has no checks, the next three take all memory and all else, unread prints nothing, and the last one
# prints a table.
others='-e guest -e greedy -e pressure -e limits -e unread -e terminals'
programs=${*:-$(cd "$here" && ls -- *.c | sed 's/\.c$//' | grep -v -x $others)}

run() { # MODE PROGRAM, in an empty folder
  case $1 in
    interpreted) exec $SAMARA --interpret --sysroot . "$binaries/$2" ;;
    translated) exec $SAMARA --sysroot . "$binaries/$2" ;;
    at-once) exec $SAMARA --translate-at-once --sysroot . "$binaries/$2" ;;
    small-tlb) exec $SAMARA --interpret --tlb 2 --sysroot . "$binaries/$2" ;;
    checked) exec $SAMARA --interpret --checked --sysroot . "$binaries/$2" ;;
    qemu)
      # These leave out what QEMU cannot do.
      case $2 in
        barriers | links | partial | signals | system) exec qemu-riscv64 "$binaries/$2" qemu ;;
        *) exec qemu-riscv64 "$binaries/$2" ;;
      esac ;;
  esac
}
export -f run
export SAMARA binaries

status=0
failures=" "
for mode in $MODES; do
  if [ "$mode" = qemu ] && ! command -v qemu-riscv64 > /dev/null; then
    echo "qemu: not installed"
    continue
  fi
  passed=0
  failed=0
  for program in $programs; do
    rm -rf "$scratch/root"
    mkdir "$scratch/root"
    printed=$(cd "$scratch/root" && timeout -k 5 "$LIMIT" bash -c "run $mode $program" 2>&1 < /dev/null)
    result=$?
    [ $result = 124 ] || [ $result = 137 ] && printed="$printed (no end in $LIMIT seconds)"
    if [ "$result/$printed" = "0/ok $program" ]; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      if [ "$mode" != qemu ]; then
        status=1
        failures="$failures$program "
        echo "$mode: $program: $printed"
      elif [ "${failures/ $program /}" = "$failures" ]; then
        echo "difference: $program on QEMU: $printed"
      else
        echo "qemu: $program: $printed"
      fi
    fi
  done
  echo "$mode: $passed passed, $failed failed"
done
exit $status
