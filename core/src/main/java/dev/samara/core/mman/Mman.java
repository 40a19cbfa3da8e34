// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The flags of {@code sys/mman.h} and of the calls that belong to it, with Linux's x86-64 values. Each constant belongs
 * to one call, which its first words name by the Linux name. The names are unique, so all of them can be imported
 * statically: {@code READ}, {@code PRIVATE}, {@code DONTNEED}, {@code MAYMOVE}, {@code SYNC}.
 */
public final class Mman {
    // Rights of mmap and mprotect: the PROT_* bits.

    /** {@code PROT_NONE}: no access. */
    public static final int NONE = 0;

    /** {@code PROT_READ}: pages can be read. */
    public static final int READ = 0x1;

    /** {@code PROT_WRITE}: pages can be written. */
    public static final int WRITE = 0x2;

    /** {@code PROT_EXEC}: pages can be executed. */
    public static final int EXEC = 0x4;

    /** {@code PROT_SEM}: accepted without effect, as on x86. */
    public static final int SEM = 0x8;

    /** {@code PROT_GROWSDOWN} of {@code mprotect}: extend the change down to the start of a mapping that grows down. */
    public static final int PROT_GROWSDOWN = 0x01000000;

    /** {@code PROT_GROWSUP} of {@code mprotect}: extend the change up to the end of a mapping that grows up. */
    public static final int PROT_GROWSUP = 0x02000000;

    // Flags of mmap: the MAP_* bits.

    /** {@code MAP_SHARED}: all mappings of the object see each store. */
    public static final int SHARED = 0x01;

    /** {@code MAP_PRIVATE}: stores are private to the space (copy on write). */
    public static final int PRIVATE = 0x02;

    /** {@code MAP_SHARED_VALIDATE}: like {@link #SHARED}, but unknown flags are refused. */
    public static final int SHARED_VALIDATE = 0x03;

    /**
     * {@code MAP_DROPPABLE}: private memory whose pages may be dropped at any time; a dropped page reads as zeros.
     * {@link Mman#PAGEOUT} drops them immediately. An open {@linkplain
     * dev.samara.core.Checkpoint checkpoint} does not keep a dropped page. When a fault finds no free frame, the machine
     * drops droppable
     * pages before the fault fails, and before it reaps a space ({@code MachineBuilder.lowMemory}), but not from a
     * space with an {@code MmuNotifier}. A pinned page stays. A child does not inherit such pages.
     */
    public static final int DROPPABLE = 0x08;

    /** {@code MAP_TYPE}: the bits that hold the type of the mapping. */
    public static final int TYPE = 0x0f;

    /** {@code MAP_FIXED}: map exactly at the address, and replace the mappings there. */
    public static final int FIXED = 0x10;

    /** {@code MAP_ANONYMOUS}: not backed by a file. */
    public static final int ANONYMOUS = 0x20;

    /** {@code MAP_32BIT}: place below 2 GiB, and above 1 GiB if the hint is not free. */
    public static final int BELOW_2G = 0x40;

    /** {@code MAP_ABOVE4G}: place above 4 GiB, unless the hint is free. Only effective with top-down placement. */
    public static final int ABOVE_4G = 0x80;

    /** {@code MAP_GROWSDOWN}: the mapping grows down when the page below it is touched. */
    public static final int GROWSDOWN = 0x0100;

    /** {@code MAP_DENYWRITE}: ignored, as by Linux. */
    public static final int DENYWRITE = 0x0800;

    /** {@code MAP_EXECUTABLE}: ignored, as by Linux. */
    public static final int EXECUTABLE = 0x1000;

    /** {@code MAP_LOCKED}: lock the pages in memory. */
    public static final int LOCKED = 0x2000;

    /** {@code MAP_NORESERVE}: do not account for the memory. */
    public static final int NORESERVE = 0x4000;

    /** {@code MAP_POPULATE}: fault the pages in before the call returns. */
    public static final int POPULATE = 0x8000;

    /** {@code MAP_NONBLOCK}: with {@link #POPULATE}: no page is faulted in. */
    public static final int NONBLOCK = 0x10000;

    /** {@code MAP_STACK}: meant as a stack. Sets only the attribute against huge pages. */
    public static final int STACK = 0x20000;

    /**
     * {@code MAP_HUGETLB}: use huge pages. No machine has any, so the call fails with ENOMEM after the other checks.
     */
    public static final int HUGETLB = 0x40000;

    /** {@code MAP_SYNC}: synchronous faults. Sets only the attribute of the mapping, unless the backing refuses it. */
    public static final int MAP_SYNC = 0x80000;

    /** {@code MAP_FIXED_NOREPLACE}: like {@link #FIXED}, but fail if a mapping exists in the range. */
    public static final int FIXED_NOREPLACE = 0x100000;

    /** {@code MAP_UNINITIALIZED}: no effect, as on a kernel with an MMU. */
    public static final int UNINITIALIZED = 0x4000000;

    /**
     * {@code MAP_HUGE_SHIFT}: position of the huge page size in the flags; the size is encoded as its binary logarithm.
     */
    public static final int HUGE_SHIFT = 26;

    /** {@code MAP_HUGE_MASK}: the bits of the huge page size, after shifting by {@link #HUGE_SHIFT}. */
    public static final int HUGE_MASK = 0x3f;

    // Flags of mremap: the MREMAP_* bits.

    /** {@code MREMAP_MAYMOVE}: the mapping may be moved. */
    public static final int MAYMOVE = 0x1;

    /** {@code MREMAP_FIXED}: move to exactly the new address, and replace the mappings there. */
    public static final int MREMAP_FIXED = 0x2;

    /** {@code MREMAP_DONTUNMAP}: move the pages and leave the old mapping in place, empty. */
    public static final int DONTUNMAP = 0x4;

    // Advice of madvise: the MADV_* values.

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
     * {@code MADV_PAGEOUT}: reclaim the pages. Drops the pages of {@linkplain Mman#DROPPABLE droppable} memory;
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

    // Flags of mlock2 and mlockall.

    /** {@code MLOCK_ONFAULT}: lock pages when they are first touched. */
    public static final int ONFAULT = 0x1;

    /** {@code MCL_CURRENT}: lock all current mappings. */
    public static final int CURRENT = 0x1;

    /** {@code MCL_FUTURE}: lock all future mappings. */
    public static final int FUTURE = 0x2;

    /** {@code MCL_ONFAULT}: with one of the other flags, lock pages when they are first touched. */
    public static final int ALL_ONFAULT = 0x4;

    // Flags of msync: the MS_* bits.

    /** {@code MS_ASYNC}: only checks the range; as on Linux, it starts no write. */
    public static final int ASYNC = 0x1;

    /**
     * {@code MS_INVALIDATE}: refuse locked memory (EBUSY). No page is dropped, because a file has only one page cache.
     */
    public static final int INVALIDATE = 0x2;

    /** {@code MS_SYNC}: write the dirty pages of shared mappings, and wait until the backing has saved them. */
    public static final int SYNC = 0x4;

    // Bits of PR_SET_MDWE ("memory-deny-write-execute", linux/prctl.h).

    /**
     * {@code PR_MDWE_REFUSE_EXEC_GAIN}: a mapping can neither gain the right to execute later, nor be both writable and
     * executable.
     */
    public static final int REFUSE_EXEC_GAIN = 1;

    /** {@code PR_MDWE_NO_INHERIT}: neither a child nor a space that replaces this one inherits the bits. */
    public static final int NO_INHERIT = 1 << 1;

    // Flags of shmat: the SHM_* bits (sys/shm.h).

    /** {@code SHM_RDONLY}: attach for reading only. */
    public static final int RDONLY = 0x1000;

    /** {@code SHM_RND}: round the address down to a page. */
    public static final int RND = 0x2000;

    /** {@code SHM_REMAP}: replace the mappings there. */
    public static final int REMAP = 0x4000;

    /** {@code SHM_EXEC}: attach for execution as well. */
    public static final int SHM_EXEC = 0x8000;

    // Seals of a file in memory: the F_SEAL_* bits (linux/fcntl.h).

    /** {@code F_SEAL_SEAL}: no further seal can be added. */
    public static final int SEAL_SEAL = 1;

    /** {@code F_SEAL_SHRINK}: the file cannot shrink. */
    public static final int SEAL_SHRINK = 1 << 1;

    /** {@code F_SEAL_GROW}: the file cannot grow. */
    public static final int SEAL_GROW = 1 << 2;

    /** {@code F_SEAL_WRITE}: the contents of the file cannot change. */
    public static final int SEAL_WRITE = 1 << 3;

    /** {@code F_SEAL_FUTURE_WRITE}: only shared mappings that already exist can change the contents of the file. */
    public static final int SEAL_FUTURE_WRITE = 1 << 4;

    /**
     * {@code F_SEAL_EXEC}: the execute bits of the file's mode cannot change. If one of them is set, this implies
     * SHRINK, GROW, WRITE and FUTURE_WRITE.
     */
    public static final int SEAL_EXEC = 1 << 5;

    // Flags of sync_file_range: the SYNC_FILE_RANGE_* bits.

    /**
     * {@code SYNC_FILE_RANGE_WAIT_BEFORE}: wait for writes of the pages that are already in progress, and report a
     * failure.
     */
    public static final int WAIT_BEFORE = 0x1;

    /** {@code SYNC_FILE_RANGE_WRITE}: write the dirty pages. */
    public static final int SYNC_FILE_RANGE_WRITE = 0x2;

    /** {@code SYNC_FILE_RANGE_WAIT_AFTER}: afterwards, wait for writes of the pages, and report a failure. */
    public static final int WAIT_AFTER = 0x4;

    // Advice of posix_fadvise: the POSIX_FADV_* values.

    /** No advice for this open; the default. */
    public static final int POSIX_FADV_NORMAL = 0;

    /** Reads through this open read only the pages that they need. */
    public static final int POSIX_FADV_RANDOM = 1;

    /** Reads through this open read ahead more pages. */
    public static final int POSIX_FADV_SEQUENTIAL = 2;

    /** Starts to read the pages of the range into memory. */
    public static final int POSIX_FADV_WILLNEED = 3;

    /** Frees the clean pages of the range. */
    public static final int POSIX_FADV_DONTNEED = 4;

    /** No effect. */
    public static final int POSIX_FADV_NOREUSE = 5;

    private Mman() {}
}
