// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MADV_*} values of {@code madvise}, as in {@code sys/mman.h} on Linux x86-64. */
public final class Advice {
    /** No special treatment. */
    public static final int NORMAL = 0;

    /** Expect random access. */
    public static final int RANDOM = 1;

    /** Expect sequential access. */
    public static final int SEQUENTIAL = 2;

    /** Will be needed soon. */
    public static final int WILLNEED = 3;

    /** Drop the pages now. */
    public static final int DONTNEED = 4;

    /** Private anonymous pages may be dropped when memory is short. */
    public static final int FREE = 8;

    /** Punch a hole into the file. */
    public static final int REMOVE = 9;

    /** Do not copy into a child. */
    public static final int DONTFORK = 10;

    /** Copy into a child again. */
    public static final int DOFORK = 11;

    /** Pages may be merged with equal ones. */
    public static final int MERGEABLE = 12;

    /** Undo {@link #MERGEABLE}. */
    public static final int UNMERGEABLE = 13;

    /** Use huge pages where possible. */
    public static final int HUGEPAGE = 14;

    /** Use no huge pages. */
    public static final int NOHUGEPAGE = 15;

    /** Leave out of core dumps. */
    public static final int DONTDUMP = 16;

    /** Undo {@link #DONTDUMP}. */
    public static final int DODUMP = 17;

    /** A child reads zeros. */
    public static final int WIPEONFORK = 18;

    /** Undo {@link #WIPEONFORK}. */
    public static final int KEEPONFORK = 19;

    /** Deactivate the pages. */
    public static final int COLD = 20;

    /** Reclaim the pages. Drops those of {@linkplain MapFlags#DROPPABLE droppable} memory; other content stays. */
    public static final int PAGEOUT = 21;

    /** Fault in for reading. */
    public static final int POPULATE_READ = 22;

    /** Fault in for writing. */
    public static final int POPULATE_WRITE = 23;

    /** Like {@link #DONTNEED}, but for locked pages too. */
    public static final int DONTNEED_LOCKED = 24;

    /** Collapse into huge pages now. */
    public static final int COLLAPSE = 25;

    /** Make every access fault, without changing the mapping. */
    public static final int GUARD_INSTALL = 102;

    /** Undo {@link #GUARD_INSTALL}. */
    public static final int GUARD_REMOVE = 103;

    private Advice() {}
}
