// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MdweFlags;
import dev.samara.core.vma.VmaFlags;

/**
 * The setting with which a space refuses mappings that are writable and executable, and changes that make a mapping
 * executable ({@code MMF_HAS_MDWE}, {@code prctl_set_mdwe} in {@code kernel/sys.c}).
 *
 * <p>{@link #set} writes the bits under the layout lock of an undivided layout. So every edit published after it
 * returns obeys them, even if the edit's call started earlier.
 */
public final class DenyWriteExec {
    private static final int KNOWN = MdweFlags.REFUSE_EXEC_GAIN | MdweFlags.NO_INHERIT;

    /**
     * Written: holder of the layout lock, after it has joined the parts (volatile).
     * Read: an edit, holding the lock of its district, each time that it decides (volatile, as all reads are); any
     *     thread, to return them to its caller.
     * Pairs: ordered by the locks: an edit that is published after the write read the new value. When the bits are
     *     written, all parts with separate locks are dead.
     * Invariant: 0, or the first value that was set. From then on no edit adds the right to execute to a mapping, or
     *     creates a mapping that is writable and executable, no matter when the edit's call started.
     */
    private volatile int bits;

    /** Creates the setting of a space that starts with the given bits. */
    DenyWriteExec(int bits) {
        this.bits = bits;
    }

    /** Returns the bits of {@link MdweFlags}. */
    public int bits() {
        return bits;
    }

    /** Returns the bits of a child, or of a space that replaces this one ({@code mmf_init_legacy_flags}). */
    public int inherited() {
        int own = bits;
        return (own & MdweFlags.NO_INHERIT) != 0 ? 0 : own;
    }

    /**
     * Sets the bits, which are never changed afterwards. Caller holds the layout lock.
     *
     * @return 0, or a negated errno
     */
    public long set(long wanted) {
        boolean isComplete = (wanted & MdweFlags.NO_INHERIT) == 0 || (wanted & MdweFlags.REFUSE_EXEC_GAIN) != 0;
        if ((wanted & ~KNOWN) != 0 || !isComplete) {
            return Errno.EINVAL.result();
        }
        int own = bits;
        if (own != 0 && own != wanted) {
            return Errno.EPERM.result();
        }
        bits = (int) wanted;
        return 0;
    }

    /**
     * Returns whether a mapping must not change from flags {@code old} to {@code flags} ({@code map_deny_write_exec} in
     * {@code include/linux/mman.h}). For a new mapping, both are its flags. Caller holds the lock of a district.
     */
    public boolean denies(long old, long flags) {
        if ((flags & VmaFlags.EXEC) == 0 || bits == 0) {
            return false;
        }
        return (flags & VmaFlags.WRITE) != 0 || (old & VmaFlags.EXEC) == 0;
    }
}
