// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * Callbacks about the mappings of a {@link Backing}: when they begin, are split and end ({@code vm_operations_struct}).
 *
 * <p><b>Counting.</b> Each {@link #open} that returned null is followed by exactly one {@link #close} with the same
 * argument. Whenever no operation is in progress, no reference is held and nothing is pending, there are as many opens
 * without a close as there are VMAs with this backing, in all spaces. A VMA that replaces another one, because its
 * rights or its bounds change, takes over the open of the old VMA. A second half, a copy in a child and a copy at
 * another address get an open of their own.
 *
 * <p><b>When.</b> The thread that calls the operation calls {@code open} and {@code maySplit}, before anything is
 * published. The answer counts if the layout has not changed meanwhile. Otherwise they are called again, and each
 * unused open is closed. A thread of the machine calls {@code close}, after the last VMA that used the open has left
 * the layout, its pages are flushed and the last reference has been released.
 *
 * <p><b>Freedom.</b> No lock is held during these calls, and no other operation waits for them. They may call into any
 * address space, also the calling one, and may block. The calling operation waits meanwhile. Several calls may run at
 * the same time.
 *
 * <p><b>Failure.</b> An exception of {@code open} or {@code maySplit} ends the calling operation and goes to its
 * caller; nothing is changed, and every new open is closed. An exception of {@code close} is reported to the machine's
 * reporter; the open counts as closed. A {@code close} that does not return occupies one thread of the machine. It
 * delays only threads that wait until everything is closed.
 */
public interface VmOperations {
    /**
     * Is called when a new VMA is about to map the backing. A refusal changes nothing; on Linux, {@code mmap} with
     * {@code MAP_FIXED} would have unmapped the old range already.
     *
     * @param vma the VMA to be mapped: a description, not attached to a space
     * @return null, or the error with which the operation fails
     */
    default @Nullable Errno open(Vma vma) {
        return null;
    }

    /**
     * Is called when a VMA is about to be cut in two.
     *
     * @param vma the VMA, which is referenced during the call
     * @param address the address of the cut, a page boundary inside the VMA
     * @return null, or an error; the operation fails with that error where it fails on Linux
     */
    default @Nullable Errno maySplit(Vma vma, long address) {
        return null;
    }

    /**
     * Is called when an open has ended.
     *
     * @param vma the argument of the {@link #open} that began it; another VMA may be mapped there by now
     */
    default void close(Vma vma) {}
}
