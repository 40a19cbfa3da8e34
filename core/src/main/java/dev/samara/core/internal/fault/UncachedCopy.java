// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.UncachedFile;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Copies many bytes of a mapped file to a caller, bypassing the page cache and without a fault, if none of their pages
 * is mapped or in memory. The file is read under a reference on the VMA and outside of every reader section, in the
 * same way as a page is fetched. After the read, the VMA must still be attached and the entries must still be empty,
 * which proves that the mapping contained these bytes at that instant. Used by one thread at a time.
 */
final class UncachedCopy implements UncachedFile.AbsentEntries {
    /** The maximum number of bytes that one call copies and whose entries it checks. */
    private static final int MOST = 1 << 20;

    private final FaultState state;

    /** The mapping of the current read. */
    private @Nullable VmArea vma;

    /** The address of the first byte to read. */
    private long start;

    UncachedCopy(FaultState state) {
        this.state = state;
    }

    /**
     * Copies bytes to the remaining bytes of a buffer, and advances its position by their number. The contents of the
     * buffer after these bytes may have changed. Waits for the host. The caller is not in a reader section.
     *
     * @return the number of bytes; 0 if they have to be faulted in
     */
    int copy(long address, ByteBuffer target) {
        UncachedFile file = null;
        VmArea found;
        int length = 0;
        state.reader.readLock();
        try {
            found = state.layout.find(address);
            file = found == null ? null : fileOf(found);
            if (found == null || file == null) {
                return 0;
            }
            begin(found, address);
            length = absentBytes(address, most(found, address, target.remaining()));
            if (length < file.leastUncached() || !found.acquire()) {
                vma = null;
                return 0;
            }
        } finally {
            state.reader.readUnlock();
        }
        int limit = target.limit();
        try {
            int offset = (int) address & state.frames.pageSize() - 1;
            return file.readUncached(
                    target.limit(target.position() + length),
                    (state.pageOf(found, address) << state.pageShift) + offset,
                    this);
        } finally {
            vma = null;
            target.limit(limit);
            found.release();
        }
    }

    private static int most(VmArea found, long address, int remaining) {
        long rest = found.end() - address;
        int most = Math.min(MOST, remaining);
        return rest < 0 ? most : (int) Math.min(most, rest);
    }

    private void begin(VmArea found, long address) {
        vma = found;
        start = address;
    }

    /** Returns the file of a mapping that may be read; null if its pages have to be faulted in. */
    private @Nullable UncachedFile fileOf(VmArea found) {
        boolean isReadable = PermissionCheck.check(found, Protection.READ, state.layout.geometry()) == Fault.NONE
                && !found.isAnonymous()
                // Pages of a locked VMA must be faulted in, which locks them.
                && !found.has(VmaFlags.LOCKED)
                && state.stability(found) == Fault.NONE;
        BackingTraits traits = isReadable ? found.traits() : null;
        return traits != null
                        && traits.backing() instanceof UncachedFile file
                        && traits.pageCache() instanceof FilePages cache
                        && cache.memory() == state.memory
                ? file
                : null;
    }

    /** Returns how many of the first bytes are in pages whose entries are empty. */
    private int absentBytes(long address, int most) {
        int pageSize = state.frames.pageSize();
        int offset = (int) address & pageSize - 1;
        long pages = absent((int) (((long) offset + most + pageSize - 1) >>> state.pageShift));
        return (int) Math.max(0, Math.min(most, (pages << state.pageShift) - offset));
    }

    @Override
    public int absent(int most) {
        VmArea mapping = vma;
        int count = 0;
        state.reader.readLock();
        try {
            count = emptyEntries(start, most);
        } finally {
            state.reader.readUnlock();
        }
        // Checked after the entries were read: if the mapping is still attached, it was attached when they were read.
        return mapping == null || mapping.isDetached() || !isStable(mapping) ? 0 : count;
    }

    private boolean isStable(VmArea mapping) {
        return state.stability(mapping) == Fault.NONE;
    }

    private int emptyEntries(long first, int most) {
        PageTable table = state.table();
        int count = 0;
        while (count < most) {
            long address = first + ((long) count << state.pageShift);
            int index = table.indexOf(address);
            int behind = Math.min(table.entries(), index + most - count);
            long[] leaf = table.leaf(address);
            int end = leaf == null ? behind : firstFilled(leaf, index, behind);
            count += end - index;
            if (end < behind) {
                return count;
            }
        }
        return count;
    }

    private static int firstFilled(long[] leaf, int from, int behind) {
        int index = from;
        while (index < behind && Leaf.get(leaf, index) == Pte.NONE) {
            index++;
        }
        return index;
    }
}
