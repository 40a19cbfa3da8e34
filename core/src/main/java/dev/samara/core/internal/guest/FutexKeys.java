// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.guest.FutexKey;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Protection;
import org.jspecify.annotations.Nullable;

/** Finds the keys of futex words ({@code get_futex_key} in {@code kernel/futex/core.c}). Not thread-safe. */
final class FutexKeys {
    /** The size of a word in bytes. */
    static final int SIZE = Integer.BYTES;

    /** Why the last key was not found. */
    private int fault;

    /**
     * Returns the key of a word. May fault, and wait like a fault.
     *
     * @param memory that of the CPU's space
     * @param writes whether a shared word must be writable
     * @return the key; null if there is none, in which case {@link #fault} returns the reason
     */
    @Nullable
    FutexKey of(TranslatedMemory memory, long address, boolean isShared, boolean writes) {
        Layout layout = memory.layout();
        if ((address & SIZE - 1) != 0) {
            return none(Fault.ADRALN);
        }
        // access_ok
        if (Long.compareUnsigned(address, layout.geometry().limit()) >= 0) {
            return none(Fault.MAPERR);
        }
        if (!isShared) {
            return ofSpace(FutexKey.Kind.PRIVATE, layout, address);
        }
        boolean entered = memory.enter();
        try {
            return shared(memory, layout, address, writes);
        } finally {
            memory.leave(entered);
        }
    }

    private @Nullable FutexKey none(int why) {
        fault = why;
        return null;
    }

    private static FutexKey ofSpace(FutexKey.Kind kind, Layout layout, long address) {
        return new FutexKey(
                kind,
                (int) layout.geometry().pageSize(),
                layout.lifetime().identity().number(),
                address);
    }

    /**
     * Determines the key from the page in the entry and not from the mapping, which may change between two checks.
     * Called in GUEST.
     */
    private @Nullable FutexKey shared(TranslatedMemory memory, Layout layout, long address, boolean writes) {
        for (; ; ) {
            long physical = memory.findWritable(address);
            boolean isFixed = physical < 0;
            if (isFixed && !writes && isOfRights((int) -physical)) {
                physical = memory.findReadable(address, Protection.READ);
            }
            if (physical < 0) {
                return none((int) -physical);
            }
            int frame = memory.frameOf(physical);
            long pte = memory.entry(address);
            if (!Pte.isPresent(pte) || Pte.frame(pte) != frame) {
                // Polls, because the thread that changed the entry waits for this CPU, whose TLB contains the old
                // translation.
                memory.poll();
                continue;
            }
            // The record of the frame may be read now, because no thread frees the frame before this CPU polls or
            // leaves GUEST.
            if (Pte.isCached(pte)) {
                long cache = memory.frames().cacheOf(frame);
                int pageSize = memory.frames().pageSize();
                long place = memory.frames().pageOf(frame) * pageSize + (address & pageSize - 1);
                return new FutexKey(FutexKey.Kind.FILE, pageSize, cache, place);
            }
            // A private page that cannot be written never changes, so no thread could wait for a change of the word.
            return isFixed ? none(Fault.ACCERR) : ofSpace(FutexKey.Kind.SPACE, layout, address);
        }
    }

    /** Whether a fault may have occurred only because of a write. */
    private static boolean isOfRights(int fault) {
        return fault != Fault.RETRY && fault != Fault.OUT_OF_MEMORY;
    }

    /** Returns why the last key was not found, as a {@link Fault}. */
    int fault() {
        return fault;
    }
}
