// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import org.jspecify.annotations.Nullable;

/**
 * A reference to the page table of a space ({@code mm_count}), weaker than an {@link AddressSpace}: the space may be
 * torn down meanwhile, and then the page table is empty. A thread that may come back to a space keeps one, and does not
 * delay the end of the space.
 *
 * <p>{@link AddressSpace#hold} returns it. Thread-safe.
 */
public final class PageTableRef implements AutoCloseable {
    private final Machine machine;
    private final Layout layout;
    private final SpaceReferences.Entry entry;
    private volatile boolean isClosed;

    /** Takes over a reference that the caller has taken. */
    PageTableRef(Machine machine, Layout layout) {
        this.machine = machine;
        this.layout = layout;
        entry = machine.spaceReferences().add(this, layout, SpaceReference.Kind.PAGE_TABLE);
    }

    /**
     * Returns a reference to the users, unless the space has no user any more ({@code mmget_not_zero}). Does not wait.
     *
     * @return a reference that the caller closes; null if the space has ended
     * @throws MmException with ESRCH if this reference is closed
     */
    public @Nullable AddressSpace tryGet() {
        checkOpen("tryGet");
        return machine.tryGet(layout);
    }

    /**
     * Returns the size of the page tables on the simulated machine, as {@link AddressSpace#pageTableBytes} does.
     *
     * @return bytes
     * @throws MmException with ESRCH if this reference is closed
     * @throws IllegalStateException if the machine was built without memory
     */
    public long pageTableBytes() {
        checkOpen("pageTableBytes");
        return layout.pages().bytes();
    }

    /**
     * Returns a reference to the identity of the space. Does not wait.
     *
     * @return a reference that the caller closes
     * @throws MmException with ESRCH if this reference is closed
     */
    public SpaceIdentity grab() {
        checkOpen("grab");
        return SpaceIdentity.grab(machine, layout.lifetime().identity());
    }

    private void checkOpen(String call) {
        if (isClosed) {
            throw new MmException(call, Errno.ESRCH);
        }
    }

    /**
     * Gives this reference up ({@code mmdrop}), from any thread and at any time, also in GUEST and in a callback. Does
     * not wait. A second call does nothing.
     */
    @Override
    public void close() {
        // Before a change: a close that meets the end of the stack has done nothing.
        StackReserve.check(SpaceReferences.DEPTH);
        isClosed = true;
        if (entry.end()) {
            layout.lifetime().release();
        }
    }

    /** Returns the number of the space, and whether this is closed, as text. */
    @Override
    public String toString() {
        return (isClosed ? "closed reference to the page table of space " : "reference to the page table of space ")
                + layout.lifetime().identity().number();
    }
}
