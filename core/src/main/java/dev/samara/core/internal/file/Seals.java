// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.vma.FileLink;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.SealFlags;
import dev.samara.core.vma.VmaFlags;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The seals of one file in memory, and the number of mappings that may write to it ({@code mm/memfd.c}, {@code
 * i_mmap_writable}).
 *
 * <p>{@code SEAL_WRITE} and writable shared mappings are made mutually exclusive by one word. A mapping is counted from
 * before its operation decides until its pages are retired; the seal sets the word from 0 to a negative number. So no
 * mapping can be added between the check of the count and the seal, and no CPU has a writable translation once the seal
 * is set.
 */
public final class Seals {
    private static final int ALL = SealFlags.SEAL_SEAL
            | SealFlags.SEAL_SHRINK
            | SealFlags.SEAL_GROW
            | SealFlags.SEAL_WRITE
            | SealFlags.SEAL_FUTURE_WRITE
            | SealFlags.SEAL_EXEC;

    /** The seals that {@code SEAL_EXEC} adds to an executable file, so that its code can no longer change. */
    private static final int OF_EXECUTABLE =
            SealFlags.SEAL_SHRINK | SealFlags.SEAL_GROW | SealFlags.SEAL_WRITE | SealFlags.SEAL_FUTURE_WRITE;

    private static final int AGAINST_WRITES = SealFlags.SEAL_WRITE | SealFlags.SEAL_FUTURE_WRITE;

    /** Low enough that no number of mappings makes the count positive. */
    private static final int DENIED = Integer.MIN_VALUE / 2;

    private static final VarHandle WRITABLE;

    static {
        try {
            WRITABLE = MethodHandles.lookup().findVarHandle(Seals.class, "writable", int.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

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

    private final FileMode mode;

    private Seals(FileMode mode, int seals) {
        this.mode = mode;
        this.seals = seals;
    }

    /** Creates the seals of a new file that may be executed; none is set ({@code MFD_ALLOW_SEALING}). */
    static Seals ofExecutable() {
        return new Seals(new FileMode(FileMode.EXECUTABLE), 0);
    }

    /** Creates the seals of a new file that may never be executed ({@code MFD_NOEXEC_SEAL}). */
    static Seals ofPlain() {
        return new Seals(new FileMode(FileMode.PLAIN), SealFlags.SEAL_EXEC);
    }

    /** Returns the mode of the file. */
    FileMode mode() {
        return mode;
    }

    /** Returns whether the execute bits of the mode must not change. Caller holds the inode lock. */
    boolean forbidExecute() {
        return (seals & SealFlags.SEAL_EXEC) != 0;
    }

    /** Returns whether each bit is a seal that exists. */
    static boolean isKnown(int seals) {
        return (seals & ~ALL) == 0;
    }

    /** Returns the seals, bits of {@link SealFlags}. */
    public int bits() {
        return seals;
    }

    /** Returns whether new mappings and writes to the file must not change it. */
    public boolean isAgainstWrites() {
        return (seals & AGAINST_WRITES) != 0;
    }

    /** Returns whether the size must not change from {@code from} to {@code to} bytes. Caller holds the inode lock. */
    boolean forbidSize(long from, long to) {
        return (seals & (to < from ? SealFlags.SEAL_SHRINK : to > from ? SealFlags.SEAL_GROW : 0)) != 0;
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
     * Adds seals. The caller holds the inode lock.
     *
     * @param hasPins returns whether a page of the file is pinned
     * @return 0, or a negated errno
     */
    long add(int asked, BooleanSupplier hasPins) {
        if (!isKnown(asked)) {
            return Errno.EINVAL.result();
        }
        if ((seals & SealFlags.SEAL_SEAL) != 0) {
            return Errno.EPERM.result();
        }
        int added = (asked & SealFlags.SEAL_EXEC) != 0 && mode.isExecutable() ? asked | OF_EXECUTABLE : asked;
        if ((added & ~seals & SealFlags.SEAL_WRITE) != 0) {
            if (!WRITABLE.compareAndSet(this, 0, DENIED)) {
                return Errno.EBUSY.result();
            }
            // The pins are checked after the denial, because a pin for writing needs a writable mapping, and once
            // writable mappings are denied, none exists.
            boolean isFree = false;
            try {
                isFree = !hasPins.getAsBoolean();
            } finally {
                // The denial is also undone if the check throws an error.
                if (!isFree) {
                    WRITABLE.getAndAdd(this, -DENIED);
                }
            }
            if (!isFree) {
                return Errno.EBUSY.result();
            }
        }
        seals |= added;
        return 0;
    }

    /** The link of a mapping that is counted. */
    static final class WritableLink implements FileLink {
        private final Seals seals;
        private @Nullable FileLink link;

        WritableLink(Seals seals) {
            this.seals = seals;
        }

        /** Counts the mapping, whose own link was already created. */
        void begin(FileLink made) {
            link = made;
            seals.map();
        }

        @Override
        public void enter() {
            FileLink own = link;
            if (own != null) {
                own.enter();
            }
        }

        @Override
        public void unlink() {
            FileLink own = link;
            if (own != null) {
                own.unlink();
                seals.unmap();
            }
        }
    }

    @Override
    public String toString() {
        return "seals " + seals;
    }
}
