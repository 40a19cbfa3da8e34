// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.Locale;

/**
 * The kinds of operations with the kinds of their arguments: {@code a} is an address, {@code n} a number, {@code f} a
 * file.
 */
enum Verb {
    MMAP("annnfn"),
    MUNMAP("an"),
    MPROTECT("ann"),
    MREMAP("annna"),
    MADVISE("ann"),
    MLOCK("an"),
    MLOCK2("ann"),
    MUNLOCK("an"),
    MLOCKALL("n"),
    MUNLOCKALL(""),
    MSYNC("ann"),
    MINCORE("an"),
    MSEAL("ann"),
    BRK("a"),
    REMAP_FILE_PAGES("annnn"),
    MDWE("n"),

    /** Segment, address, flags. */
    SHMAT("nan"),
    SHMDT("a"),
    SHM_LOCK("n"),
    SHM_UNLOCK("n"),
    SHM_REMOVE("n"),

    /** The number of a resource, as in {@link Limit}, and its value. */
    LIMIT("nn"),

    /** The privileges: 1 for IPC_LOCK, 2 for SYS_RAWIO, or their sum. */
    PRIVILEGES("n"),

    /** Width, address; width, address, value. */
    LOAD("na"),
    STORE("nan"),

    /** Reads and writes of 8 bytes, as by a debugger. */
    FORCED_READ("a"),
    FORCED_WRITE("an"),

    /** File, length, offset. */
    PREAD("fnn"),

    /** File, the value of each byte, length, offset. */
    PWRITE("fnnn"),
    TRUNCATE("fn"),
    PUNCH("fnn"),
    SEAL("fn"),

    /** The words of pagemap for some pages. */
    PAGEMAP("an"),

    /** Start, end, inverted, all, any, returned categories, regions, maximum pages. */
    SCAN("aannnnnn"),

    /** The amounts that count against limits; 0 without locked memory. */
    USAGE("n"),
    FORK(""),
    EXIT(""),

    /** Address, length, and the number of the name, or 0 for none. Only in scripts of checkpoints. */
    NAME("ann");

    private final String kinds;

    Verb(String kinds) {
        this.kinds = kinds;
    }

    String kinds() {
        return kinds;
    }

    /** Returns whether a success is an address. */
    boolean returnsAddress() {
        return this == MMAP || this == MREMAP || this == BRK || this == SHMAT;
    }

    String text() {
        return name().toLowerCase(Locale.ROOT);
    }

    static Verb of(String text) {
        return valueOf(text.toUpperCase(Locale.ROOT));
    }
}
