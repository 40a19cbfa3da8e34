// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * Callbacks about the mappings of a {@link Backing}, called when these are created, split and removed ({@code
 * vm_operations_struct}).
 *
 * <p><b>Counting.</b> Each {@link #open} that returned null is followed by exactly one {@link #close} with the same
 * argument. Whenever no operation is in progress, no reference is held and no close is pending, the number of opens
 * minus the number of closes is the number of VMAs with this backing, in all spaces. A VMA that replaces another one,
 * because its rights or its bounds change, takes over the open of the old VMA. The second half of a split VMA, a copy
 * in a child, and a copy at another address each get an open of their own.
 *
 * <p><b>When.</b> The thread that calls the operation calls {@code open} and {@code maySplit}, before anything is
 * published. The result is used if the layout has not changed in the meantime. Otherwise they are called again, and
 * each unused open is closed. One of the machine's threads calls {@code close}, after the last VMA that used the open
 * was removed from the layout, its pages were flushed, and its last reference was released.
 *
 * <p><b>Freedom.</b> No lock is held during these calls, and no other operation waits for them. They may call into any
 * address space, even the calling one, and may block. The calling operation waits for them. Several calls may run
 * concurrently.
 *
 * <p><b>Failure.</b> An exception of {@code open} or {@code maySplit} ends the calling operation and is thrown to its
 * caller; nothing is changed, and every new open is closed. An exception of {@code close} is reported to the machine's
 * reporter; the open counts as closed. A {@code close} that does not return occupies one of the machine's threads. It
 * delays only threads that wait until all opens are closed.
 */
public interface VmOperations {
    /**
     * Is called when a new VMA is about to map the backing. A refusal changes nothing; on Linux, {@code mmap} with
     * {@code MAP_FIXED} would already have unmapped the old range.
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
     * Is called after an open has ended.
     *
     * @param vma the argument of the {@link #open} call; another VMA may now be mapped there
     */
    default void close(Vma vma) {}
}
