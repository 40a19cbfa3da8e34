// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.VmaFlags;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * The seals of one file in memory, the number of mappings that may write to it, and its mode ({@code mm/memfd.c},
 * {@code i_mmap_writable}, {@code i_mode}). Each change that a seal may forbid ({@code shmem_setattr}, {@code
 * shmem_fallocate} and {@code memfd_add_seals}) waits for concurrent writes, holes and changes of the size.
 *
 * <p>{@code SEAL_WRITE} and writable shared mappings are made mutually exclusive by one word. A mapping is counted from
 * before its operation decides until its pages are retired; the seal sets the word from 0 to a negative number. So no
 * mapping can be added between the check of the count and the seal, and no CPU has a writable translation once the seal
 * is set.
 */
public final class Seals {
    private static final int ALL = Mman.SEAL_SEAL
            | Mman.SEAL_SHRINK
            | Mman.SEAL_GROW
            | Mman.SEAL_WRITE
            | Mman.SEAL_FUTURE_WRITE
            | Mman.SEAL_EXEC;

    /** The seals that {@code SEAL_EXEC} adds to an executable file, so that its code can no longer change. */
    private static final int OF_EXECUTABLE =
            Mman.SEAL_SHRINK | Mman.SEAL_GROW | Mman.SEAL_WRITE | Mman.SEAL_FUTURE_WRITE;

    /** The mode of a new file of {@code memfd_create}. */
    private static final int EXECUTABLE = 0777;

    /** The mode of a new file with {@code MFD_NOEXEC_SEAL}. */
    private static final int PLAIN = 0666;

    private static final int EXECUTE = 0111;

    /** The bits that {@code fchmod} sets; it ignores all other bits. */
    private static final int MODE_BITS = 07777;

    private static final int AGAINST_WRITES = Mman.SEAL_WRITE | Mman.SEAL_FUTURE_WRITE;

    /** Low enough that no number of mappings makes the count positive. */
    private static final int DENIED = Integer.MIN_VALUE / 2;

    private static final VarHandle WRITABLE = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "writable", VarHandle.class, Seals.class, int.class);

    /**
     * The number of writable shared mappings, of edits about to publish one, and of forks. Negative while such mappings
     * are denied.
     *
     * <p>Written: an edit that decides on a writable shared mapping, unless the word is negative, and a fork for each
     *     such mapping (compare-and-set); the linking of such a VMA, and the end of such a mapping, edit or fork
     *     (get-and-add); a seal against writes, from 0 to a negative number (compare-and-set), and its withdrawal if a
     *     page is pinned (get-and-add).
     * Read: these edits and forks, before their exchange (volatile).
     * Pairs: the exchanges with each other. A VMA is counted from before its edit decides, by the edit and then by its
     *     link, until its pages are retired. So if a seal reads 0, no translation permits writes. A mapping that is
     *     derived from another one (by a cut or a move) is counted before the other one is uncounted. The fork counts
     *     the child's mapping until it is linked.
     * Invariant: the number of mappings, edits and forks; or {@code DENIED}, while there are none and no new one can
     *     start.
     */
    @SuppressWarnings("UnusedVariable") // through WRITABLE
    private int writable;

    /**
     * Written: holder of the inode lock (volatile).
     * Read: writes, holes and changes of the size, holding the inode lock; edits and the embedder, without that lock
     *     (all volatile).
     * Pairs: the inode lock orders a write to the file and the seal. An edit that did not read {@code SEAL_WRITE} is
     *     rejected by {@code writable} if the seal is set before the edit counts its mapping.
     * Invariant: bits are only added. {@code SEAL_WRITE} is set only while {@code writable} is {@code DENIED}.
     */
    private volatile int seals;

    /**
     * The mode of the file. Its only effect is on {@code SEAL_EXEC}, which also prevents changes of its execute bits.
     *
     * <p>Written: holder of the inode lock (volatile).
     * Read: holder of the inode lock; the embedder without it (all volatile).
     * Invariant: the execute bits do not change once the file has {@code SEAL_EXEC}. {@code SealExecTest.beside}.
     */
    private volatile int mode;

    private Seals(int mode, int seals) {
        this.mode = mode;
        this.seals = seals;
    }

    /** Creates the seals of a new file that may be executed; none is set ({@code MFD_ALLOW_SEALING}). */
    static Seals ofExecutable() {
        return new Seals(EXECUTABLE, 0);
    }

    /** Creates the seals of a new file that may never be executed ({@code MFD_NOEXEC_SEAL}). */
    static Seals ofPlain() {
        return new Seals(PLAIN, Mman.SEAL_EXEC);
    }

    /**
     * Returns the seals of a file. For a file that can never be sealed, returns new ones at each call, which contain
     * {@code SEAL_SEAL}. They do not count the file's mappings.
     */
    public static Seals of(FilePages file) {
        Seals own = file.seals;
        return own == null ? new Seals(EXECUTABLE, Mman.SEAL_SEAL) : own;
    }

    /** Returns the mode of the file. */
    public int mode() {
        return mode;
    }

    /** Returns the seals, {@code F_SEAL_*} bits of {@link Mman}. */
    public int bits() {
        return seals;
    }

    /** Returns whether new mappings and writes to the file must not change it. */
    public boolean isAgainstWrites() {
        return (seals & AGAINST_WRITES) != 0;
    }

    /** Returns whether the size must not change from {@code from} to {@code to} bytes. Caller holds the inode lock. */
    boolean forbidSize(long from, long to) {
        return (seals & (to < from ? Mman.SEAL_SHRINK : to > from ? Mman.SEAL_GROW : 0)) != 0;
    }

    /** Returns whether bytes must not be written up to the offset {@code end}. Caller holds the inode lock. */
    boolean forbidWrite(long end, long size) {
        return isAgainstWrites() || forbidSize(size, Math.max(size, end));
    }

    /**
     * Counts a mapping that may write ({@code mapping_map_writable}), unless the file is sealed against writes.
     *
     * @return false if the file is sealed against writes
     */
    public boolean tryMap() {
        for (; ; ) {
            int count = (int) WRITABLE.getVolatile(this);
            if (count < 0) {
                return false;
            }
            if (WRITABLE.compareAndSet(this, count, count + 1)) {
                return true;
            }
        }
    }

    /** Counts another mapping, while the caller knows that one is counted already ({@code mapping_allow_writable}). */
    void map() {
        WRITABLE.getAndAdd(this, 1);
    }

    /** Subtracts a counted mapping ({@code mapping_unmap_writable}). */
    public void unmap() {
        WRITABLE.getAndAdd(this, -1);
    }

    /**
     * Returns whether a mapping is counted, i.e. whether it may write to the file, now or after an {@code mprotect}.
     */
    static boolean counts(VmArea vma) {
        return vma.has(VmaFlags.SHARED | VmaFlags.MAYWRITE);
    }

    /**
     * Adds seals to the file.
     *
     * @return 0, or a negated errno, which is EPERM also for a file that cannot be sealed
     */
    public long add(FilePages file, int asked) {
        ThreadCpus.checkMayWait("a seal of a file");
        file.lock();
        try {
            if ((asked & ~ALL) != 0) {
                return Errno.EINVAL.result();
            }
            if ((seals & Mman.SEAL_SEAL) != 0) {
                return Errno.EPERM.result();
            }
            boolean isExecutable = (mode & EXECUTE) != 0;
            int added = (asked & Mman.SEAL_EXEC) != 0 && isExecutable ? asked | OF_EXECUTABLE : asked;
            if ((added & ~seals & Mman.SEAL_WRITE) != 0 && !tryDeny(file)) {
                return Errno.EBUSY.result();
            }
            seals |= added;
            return 0;
        } finally {
            file.unlock();
        }
    }

    /** Denies writable mappings from now on. Returns false if there is one, or if a page is pinned. */
    private boolean tryDeny(FilePages file) {
        if (!WRITABLE.compareAndSet(this, 0, DENIED)) {
            return false;
        }
        // The pins are checked after the denial, because a pin for writing needs a writable mapping, and once writable
        // mappings are denied, none exists.
        boolean isFree = false;
        try {
            isFree = !file.hasPins();
        } finally {
            // The denial is also undone if the check throws an error.
            if (!isFree) {
                WRITABLE.getAndAdd(this, -DENIED);
            }
        }
        return isFree;
    }

    /**
     * Changes the size of the file.
     *
     * @return 0, or negated EPERM
     */
    public long truncate(FilePages file, long bytes) {
        file.lock();
        try {
            if (forbidSize(file.size(), bytes)) {
                return Errno.EPERM.result();
            }
            file.truncate(bytes);
            return 0;
        } finally {
            file.unlock();
        }
    }

    /**
     * Punches a hole into the file.
     *
     * @return 0, or negated EPERM
     */
    public long punch(FilePages file, long start, long length) {
        file.lock();
        try {
            if (isAgainstWrites()) {
                return Errno.EPERM.result();
            }
            file.punch(start, length);
            return 0;
        } finally {
            file.unlock();
        }
    }

    /**
     * Changes the mode of the file ({@code fchmod}).
     *
     * @return 0, or negated EPERM
     */
    public long changeMode(FilePages file, int wanted) {
        ThreadCpus.checkMayWait("a change of a file's mode");
        file.lock();
        try {
            if ((seals & Mman.SEAL_EXEC) != 0 && ((mode ^ wanted) & EXECUTE) != 0) {
                return Errno.EPERM.result();
            }
            mode = wanted & MODE_BITS;
            return 0;
        } finally {
            file.unlock();
        }
    }

    @Override
    public String toString() {
        return "seals " + seals;
    }
}
