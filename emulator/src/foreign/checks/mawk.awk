# SPDX-License-Identifier: Apache-2.0
# Fields, arrays, patterns, formats and pipes of mawk.
BEGIN { srand(1); for (i = 0; i < 12; i++) printf "%.10g %d %x %s|", exp(i) / 3, i * 1e9, i * 255, i / 8; print "" }
{ n++; for (i = 1; i <= NF; i++) { count[$i]++; length_of[length($i)]++ } if (/[0-9]+7[a-f]/) hits++ }
END {
  print n, hits
  for (w in count) distinct++
  print distinct
  for (l = 1; l < 12; l++) print l, length_of[l] + 0
  s = ""; for (i = 0; i < 20000; i++) s = s substr("abcdefgh", i % 8 + 1, 1)
  print length(s), gsub(/cde/, "<&>", s), index(s, "<cde>h"), toupper(substr(s, 1, 20))
  print atan2(1, 2), cos(3), log(5), int(-3.7), 1e6, 1e15, 1e16, 0.1 + 0.2, 2 ^ 0.5, 1e300 * 1e300
  for (i = 9; i > 0; i--) print i, i * i | "busybox sort -n"
  close("busybox sort -n")
  while (("echo a b; echo c d" | getline line) > 0) print "got", line
}
