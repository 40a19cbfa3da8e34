# SPDX-License-Identifier: Apache-2.0
# Pipes, substitutions, here documents, traps and background jobs of dash, with applets of busybox.
seq() { i=$1; while [ "$i" -le "$2" ]; do echo "$i"; i=$((i + 1)); done; }
seq 1 3000 | busybox sort -rn | busybox sed 's/7/seven/g' | busybox grep seven | busybox wc
seq 1 400 | while read -r n; do echo $((n * n % 97)); done | busybox sort -n | busybox uniq -c | busybox head -20
text=$(busybox cat << 'EOF' | busybox tr a-z A-Z
one two
three
EOF
)
echo "$text" | busybox md5sum
for i in 1 2 3 4 5 6 7 8; do (exit $i) & pids="$pids $!"; done
for pid in $pids; do wait "$pid"; echo "child: $?"; done
trap 'echo trapped' USR1; kill -USR1 $$; trap - USR1
busybox mkdir -p dash.d/a/b; echo x > dash.d/a/b/c; busybox ln -s a/b/c dash.d/l; busybox cat dash.d/l
busybox find dash.d | busybox sort; busybox cp -r dash.d dash.e; busybox mv dash.e dash.f
busybox ls -1 dash.f; busybox rm -r dash.d dash.f
seq 1 100000 | busybox head -1
busybox dd if=/dev/zero bs=4096 count=300 2> /dev/null | busybox sha256sum
busybox tar -cf a.tar data.txt && busybox tar -xOf a.tar data.txt | busybox cmp - data.txt; echo "tar: $?"
busybox awk 'BEGIN { for (i = 0; i < 5; i++) printf "%.3f %e\n", i / 3, i * 1e9 }'
busybox sh -c 'echo "$0 $#"' a b; echo done
