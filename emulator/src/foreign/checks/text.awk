# SPDX-License-Identifier: Apache-2.0
# The text that the other checks read.
BEGIN { x = 1; for (i = 0; i < 12000; i++) { x = (x * 16807) % 2147483647; line = i
  for (j = 0; j < x % 9 + 1; j++) { x = (x * 16807) % 2147483647; line = line " " sprintf("%x", x % 4000) } print line } }
