// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The {@code MADV_*} values of {@code madvise}, as in {@code sys/mman.h} on Linux x86-64. */
public final class Advice {
    /** {@code MADV_NORMAL}: no special treatment. */
    public static final int NORMAL = 0;

    /**
     * {@code MADV_RANDOM}: expect random access. A read of a page of a {@code HostFile} reads no other pages, and a
     * fault maps no other pages; Linux maps neighbours that are in memory.
     */
    public static final int RANDOM = 1;

    /** {@code MADV_SEQUENTIAL}: expect sequential access. */
    public static final int SEQUENTIAL = 2;

    /** {@code MADV_WILLNEED}: will be needed soon. */
    public static final int WILLNEED = 3;

    /** {@code MADV_DONTNEED}: drop the pages now. */
    public static final int DONTNEED = 4;

    /** {@code MADV_FREE}: private anonymous pages may be dropped. In this library they keep their contents. */
    public static final int FREE = 8;

    /** {@code MADV_REMOVE}: punch a hole into the file. */
    public static final int REMOVE = 9;

    /** {@code MADV_DONTFORK}: do not copy into a child. */
    public static final int DONTFORK = 10;

    /** {@code MADV_DOFORK}: copy into a child again. */
    public static final int DOFORK = 11;

    /** {@code MADV_MERGEABLE}: pages may be merged with equal ones. Sets only the attribute of the mapping. */
    public static final int MERGEABLE = 12;

    /** {@code MADV_UNMERGEABLE}: undo {@link #MERGEABLE}. */
    public static final int UNMERGEABLE = 13;

    /** {@code MADV_HUGEPAGE}: use huge pages where possible. Sets only the attribute of the mapping. */
    public static final int HUGEPAGE = 14;

    /** {@code MADV_NOHUGEPAGE}: use no huge pages. Sets only the attribute of the mapping. */
    public static final int NOHUGEPAGE = 15;

    /** {@code MADV_DONTDUMP}: leave out of core dumps. */
    public static final int DONTDUMP = 16;

    /** {@code MADV_DODUMP}: undo {@link #DONTDUMP}. */
    public static final int DODUMP = 17;

    /** {@code MADV_WIPEONFORK}: a child reads zeros. */
    public static final int WIPEONFORK = 18;

    /** {@code MADV_KEEPONFORK}: undo {@link #WIPEONFORK}. */
    public static final int KEEPONFORK = 19;

    /** {@code MADV_COLD}: deactivate the pages. No effect on pages in this library. */
    public static final int COLD = 20;

    /**
     * {@code MADV_PAGEOUT}: reclaim the pages. Drops the pages of {@linkplain MapFlags#DROPPABLE droppable} memory;
     * other content stays.
     */
    public static final int PAGEOUT = 21;

    /** {@code MADV_POPULATE_READ}: fault in for reading. */
    public static final int POPULATE_READ = 22;

    /** {@code MADV_POPULATE_WRITE}: fault in for writing. */
    public static final int POPULATE_WRITE = 23;

    /** {@code MADV_DONTNEED_LOCKED}: like {@link #DONTNEED}, but also for locked pages. */
    public static final int DONTNEED_LOCKED = 24;

    /** {@code MADV_COLLAPSE}: collapse into huge pages now. Always EINVAL, as on a kernel without huge pages. */
    public static final int COLLAPSE = 25;

    /** {@code MADV_GUARD_INSTALL}: make every access to the pages fault, without a separate mapping. */
    public static final int GUARD_INSTALL = 102;

    /** {@code MADV_GUARD_REMOVE}: undo {@link #GUARD_INSTALL}. */
    public static final int GUARD_REMOVE = 103;

    private Advice() {}
}
