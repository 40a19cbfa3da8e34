#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs programs of Debian in the folder that fetch.sh built, and compares what they print, byte for byte, with what
# they print on QEMU:  run.sh DIR [samara|qemu] [CHECK...]
#
# Without "samara" or "qemu", both are run and compared. With one of them, its outputs are kept in DIR/.results.
# SAMARA is the command that begins a run of the emulator; by default that of the built jar. Each check is a shell
# script, so each one also tests dash, its forks, and programs that it executes. One run at a time uses a DIR.
set -u
here=$(cd "$(dirname "$0")" && pwd)
test $# -ge 1 || { echo "usage: run.sh DIR [samara|qemu] [CHECK...]" >&2; exit 2; }
root=$(cd "$1" && pwd)
shift
machines="qemu samara"
case ${1:-} in samara | qemu) machines=$1; shift ;; esac
SAMARA=${SAMARA:-java -jar $here/../../../tool/target/samara.jar run}
LIMIT=${LIMIT:-150}
qemu=$(command -v qemu-riscv64)
results=$root/.results
wrappers=$root.qemu
mkdir -p "$results" "$wrappers" "$root/checks"
exec 9> "$results/lock"
flock -n 9 || { echo "run.sh: another run uses $root" >&2; exit 2; }

# QEMU's guests execute programs of the host: these ones start QEMU again.
for name in dash sh busybox lua5.4 sqlite3 gzip zstd mawk openssl python3.13 stress-ng; do
  printf '#!/bin/sh\nexec %s -L %s %s/usr/bin/%s "$@"\n' "$qemu" "$root" "$root" "$name" > "$wrappers/$name"
  chmod +x "$wrappers/$name"
done

declare -A script
order="dash lua sqlite gzip zstd mawk openssl python mmap vm mmaps mremap"
script[dash]='. ./dash.sh'
script[lua]='lua5.4 lua.lua'
script[sqlite]='sqlite3 test.db < sqlite.sql; busybox rm -f test.db*'
script[gzip]='gzip -kn9 data.txt; gzip -l data.txt.gz; gzip -dc data.txt.gz | busybox cmp - data.txt; echo $?
  busybox sha256sum < data.txt.gz; busybox rm data.txt.gz'
script[zstd]='zstd -q -T2 -B512K -12 data.txt -o d.zst; zstd -q -dc d.zst | busybox cmp - data.txt; echo $?
  busybox sha256sum < d.zst; zstd -q -T2 --ultra -20 --long=27 -c data.txt | zstd -q -t; echo $?
  busybox rm d.zst'
script[mawk]='mawk -f mawk.awk data.txt'
script[openssl]='for d in sha1 sha256 sha512 sha3-256 blake2b512 md5; do openssl dgst -$d data.txt; done
  for c in aes-256-ctr aes-128-cbc chacha20 camellia-128-cbc; do openssl enc -$c -K 00112233 -iv 445566 -in data.txt |
    openssl dgst -sha256; done 2> /dev/null
  openssl prime 170141183460469231731687303715884105727; openssl genpkey -algorithm ed25519 -out k.pem
  openssl dgst -sha512 -hmac key data.txt; openssl pkeyutl -sign -rawin -inkey k.pem -in lua.lua -out s.bin
  openssl pkeyutl -verify -rawin -inkey k.pem -in lua.lua -sigfile s.bin
  openssl rsa -in k.pem -text 2>&1 | busybox head -1; busybox rm k.pem s.bin'
script[python]='python3.13 python.py'
script[mmap]='python3.13 -m unittest -v test.test_mmap 2>&1 | busybox sed "s/ in [0-9.]*s$//"'
stress='2>&1 | busybox sed "s/^[^]]*\] //; s/[0-9.]* secs*$//"; echo $?'
script[vm]="stress-ng --quiet --vm 2 --vm-bytes 6m --vm-ops 3000 --vm-method all --verify $stress"
script[mmaps]="stress-ng --quiet --mmap 2 --mmap-bytes 4m --mmap-ops 12 --mmap-file --verify $stress"
script[mremap]="stress-ng --quiet --mremap 1 --mremap-bytes 4m --mremap-ops 40 --verify $stress"

run() {
  rm -rf "$root/checks"
  mkdir "$root/checks"
  cp "$here"/checks/* "$root/checks"
  cp "$results/data.txt" "$root/checks" 2> /dev/null
  (
    cd "$root/checks" || exit
    case $1 in
      qemu)
        timeout -s KILL "$LIMIT" env -i PATH="$wrappers" LC_ALL=C PYTHONHASHSEED=0 HOME=/ \
          "$qemu" -L "$root" "$root/usr/bin/dash" -c "$3"
        ;;
      samara)
        # shellcheck disable=SC2086
        timeout -s KILL "$LIMIT" $SAMARA --stats --sysroot "$root" --env PATH=/usr/bin --env LC_ALL=C \
          --env PYTHONHASHSEED=0 --env HOME=/ "$root/usr/bin/dash" -c "cd /checks; $3"
        ;;
    esac
  ) > "$results/$2.$1.out" 2> "$results/$2.$1.err" < /dev/null
  echo "status $?" >> "$results/$2.$1.out"
}

seconds() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", b - a }'; }

run qemu text 'mawk -f text.awk > data.txt'
mv "$root/checks/data.txt" "$results/data.txt"
bad=0
for check in ${*:-$order}; do
  declare -A took=()
  for machine in $machines; do
    begun=$(date +%s.%N)
    run "$machine" "$check" "${script[$check]}"
    took[$machine]=$(seconds "$begun" "$(date +%s.%N)")
  done
  verdict="not compared"
  if [ "$machines" = "qemu samara" ]; then
    verdict=same
    cmp -s "$results/$check.qemu.out" "$results/$check.samara.out" || { verdict=DIFFERENT; bad=1; }
  fi
  echo "$check: $verdict; seconds: ${took[*]+$(for machine in $machines; do echo -n "$machine ${took[$machine]} "; done)}"
  grep -h -E 'instructions by|^system calls|faults (of|that)|not known here|floating point:|the largest process|^in use at|^samara:' \
    "$results/$check.samara.err" 2> /dev/null | sed 's/^/    /'
done
exit $bad
