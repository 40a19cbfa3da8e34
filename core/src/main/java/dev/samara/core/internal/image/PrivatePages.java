// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.image;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.PageWalk;
import dev.samara.core.vma.FrameStore;
import java.nio.ByteBuffer;

/**
 * Reads the private pages of a space that nobody uses: the child of a save. A CPU would fault each page in, which takes
 * longer than the copy of its bytes. Used by one thread.
 *
 * <p>Nobody stores to the pages, because each other space that shares them copies them first. But the pages may be
 * taken for lack of memory (a reap). So each is read in a reader section, in which its frame is not freed, and the read
 * ends before the first page that is no longer there.
 */
public final class PrivatePages {
    /** The largest number of bytes in one reader section, for which the frees of other threads wait. */
    private static final long MOST = 1 << 18;

    private final MachineMemory memory;
    private final FrameStore store;
    private final PageWalk walk;
    private final int pageSize;

    /**
     * Prepares reads.
     *
     * @param memory the memory of the space
     * @param table its page table
     */
    public PrivatePages(MachineMemory memory, PageTable table) {
        this.memory = memory;
        store = memory.frames.store;
        walk = new PageWalk(table);
        pageSize = memory.frames.pageSize;
    }

    /**
     * Reads whole pages into a buffer, from its position on, which advances.
     *
     * @param start the first address
     * @param end the end of the pages, exclusive; the buffer has room for them
     * @return whether all of them were read
     */
    public boolean read(long start, long end, ByteBuffer target) {
        PageTableContext context = memory.contexts.borrow();
        try {
            for (long at = start; at != end; ) {
                long to = end - at > MOST ? at + Math.max(MOST, pageSize) : end;
                context.reader.readLock();
                try {
                    if (!readPart(at, to, target)) {
                        return false;
                    }
                } finally {
                    context.reader.readUnlock();
                }
                at = to;
            }
            return true;
        } finally {
            memory.contexts.giveBack(context);
        }
    }

    private boolean readPart(long start, long end, ByteBuffer target) {
        long next = start;
        walk.over(start, end);
        while (walk.next()) {
            if (walk.start() != next) {
                return false;
            }
            next = walk.end();
            for (int i = walk.first(); i < walk.endIndex(); i++) {
                long pte = Leaf.get(walk.leaf(), i);
                if (!Pte.isPresent(pte) || !Pte.isOwn(pte)) {
                    return false;
                }
                int position = target.position();
                store.read(Pte.frame(pte), 0, target, position, pageSize);
                target.position(position + pageSize);
            }
        }
        return next == end;
    }
}
