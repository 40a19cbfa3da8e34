// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.stream.IntStream;

/** The initial contents of the memory files: a byte at the start of three out of four pages. */
enum StartFile {
    A(FileName.A, 32L << 12, 0x80),
    B(FileName.B, (12L << 12) + 100, 0xc0);

    private final FileName name;
    private final long size;
    private final int first;

    StartFile(FileName name, long size, int first) {
        this.name = name;
        this.size = size;
        this.first = first;
    }

    int descriptor() {
        return (int) name.number();
    }

    long size() {
        return size;
    }

    int[] stamped() {
        int pages = (int) ((size + 4095) >> 12);
        return IntStream.range(0, pages).filter(page -> page % 4 != 3).toArray();
    }

    int stamp(int page) {
        return first + page;
    }
}
