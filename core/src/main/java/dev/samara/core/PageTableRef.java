// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.Reap;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import org.jspecify.annotations.Nullable;

/**
 * A reference to the page table of a space ({@code mm_count}), weaker than an {@link AddressSpace}: the space may be
 * torn down while the reference is held, and then the page table is empty. A thread that may return to a space can hold
 * one without delaying the end of the space.
 *
 * <p>{@link AddressSpace#hold} returns it. Thread-safe.
 */
@Experimental
public final class PageTableRef implements AutoCloseable {
    private final Machine machine;
    private final Layout layout;
    private final SpaceReferences.Entry entry;

    /**
     * Written: the thread that closes the reference (volatile).
     * Read: any thread (volatile).
     * Invariant: never reset.
     */
    private volatile boolean isClosed;

    /** Takes over a reference that the caller acquired. */
    private PageTableRef(Machine machine, Layout layout) {
        this.machine = machine;
        this.layout = layout;
        entry = machine.references.add(this, layout, SpaceReference.Kind.PAGE_TABLE);
    }

    /** Acquires a reference; returns null if the page table no longer exists. */
    static @Nullable PageTableRef tryHold(Machine machine, Layout layout) {
        if (!layout.lifetime.context.tryHold()) {
            return null;
        }
        try {
            return new PageTableRef(machine, layout);
        } catch (Throwable thrown) {
            layout.lifetime.context.release();
            throw thrown;
        }
    }

    Machine machine() {
        return machine;
    }

    /** Returns the layout of the space for a borrow. Throws if this reference is closed. */
    Layout layout() {
        checkOpen("tryUse");
        return layout;
    }

    /**
     * Returns a reference to the users, unless the last user is gone ({@code mmget_not_zero}). Does not wait.
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
        return SpaceIdentity.grab(machine.references, layout.lifetime.identity);
    }

    /**
     * Takes the private pages from a space that is about to end, while its threads continue to run ({@code
     * process_mrelease(2)}). The mappings stay. When this returns 0, the frames of these pages are free, and so are
     * those that operations in flight removed concurrently.
     *
     * <p>First the space becomes <em>unstable</em>, permanently. From then on a fault that needs a page in a private
     * mapping returns {@link dev.samara.core.mman.Fault#ADRERR} (SIGBUS). A copy or a pin that needs such a page fails,
     * a copy with EFAULT. {@link AddressSpace#fork} fails with ENOMEM. Pages that stay can be used as before. Then the
     * pages of private anonymous mappings are taken, mapping by mapping from the highest address down. Pages of shared
     * and locked mappings stay, and so do those of files and devices, with their private copies. A pinned frame is
     * freed when its last pin is released.
     *
     * <p>Mappings of operations in flight are skipped, including those that are being locked, moved or protected. They
     * are retried after pauses, ten times within half a second. The reap also retries if an operation in flight frees
     * pages, as {@code munmap} does. Nothing is taken while a fork copies the space. Several threads may reap a space
     * concurrently: each frees the pages that it took. This method holds only the page table, so it neither delays,
     * awaits nor performs a teardown of the space. A teardown that has already started frees the pages that it took
     * itself.
     *
     * <p>Waits for CPUs in GUEST that may have translations, and for a grace period if one is needed. Notifiers of the
     * space are called for each mapping, or for parts of a large one, after its pages are taken and before they are
     * freed. Operations in the range continue during such a call.
     *
     * @return 0 if no page is left that can be taken, also if the space has ended; or a negated errno: EAGAIN if
     *     operations were still in flight, or a fork was still copying, after ten attempts, or if all page table
     *     contexts of the machine are in use; EINTR if the thread was interrupted before another attempt; ESRCH if this
     *     reference is closed. After an error the space stays unstable, and another call continues the reap. Unlike
     *     Linux, this never returns EINVAL: only the embedder knows whether the space is about to end
     * @throws IllegalStateException if the machine was built without memory, if a CPU of the thread is in GUEST, or if
     *     this is called by a backing in {@code rcuMapPages}
     */
    public long reap() {
        return isClosed ? Errno.ESRCH.result() : Reap.reap(layout);
    }

    private void checkOpen(String call) {
        if (isClosed) {
            throw new MmException(call, Errno.ESRCH);
        }
    }

    /**
     * Releases this reference ({@code mmdrop}), from any thread and at any time, even in GUEST and in a callback. Does
     * not wait. A second call does nothing.
     */
    @Override
    public void close() {
        // Checked before the first change, so that a close that runs out of stack changes nothing.
        StackReserve.check(SpaceReferences.DEPTH);
        isClosed = true;
        if (entry.end()) {
            layout.lifetime.context.release();
        }
    }

    /** Returns the number of the space, and whether this is closed, as text. */
    @Override
    public String toString() {
        return (isClosed ? "closed reference to the page table of space " : "reference to the page table of space ")
                + layout.lifetime.identity.number();
    }
}
