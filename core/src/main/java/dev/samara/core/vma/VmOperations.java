// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Backing} wants to be told of the life of its mappings ({@code vm_operations_struct}).
 *
 * <p><b>Counting.</b> Each {@link #open} that returned null is followed by exactly one {@link #close} with the same
 * argument. Whenever no operation is in progress, no keep is held and nothing is pending, there are as many opens
 * without a close as there are VMAs with this backing, in all spaces. A VMA that takes another one's place, because its
 * rights or its bounds change, takes over the open of that one; a second half, a copy in a child and a copy at another
 * address get their own.
 *
 * <p><b>When.</b> {@code open} and {@code maySplit} are asked by the thread that calls the operation, before anything
 * is published. The answer counts if the layout has not changed meanwhile; otherwise it is asked again, and what was
 * opened in vain is closed. {@code close} comes from a thread of the machine, after the last VMA that used the open has
 * left the layout, its pages are flushed and the last keep has been released.
 *
 * <p><b>Freedom.</b> No lock is held while one of them runs, and no other operation waits for it. They may call into
 * any address space, the same one included, and may block; the one operation that asked then takes as long. Several may
 * run at the same time.
 *
 * <p><b>Failure.</b> What {@code open} or {@code maySplit} throws ends the operation that asked, with nothing changed
 * and everything closed that had been opened, and goes to its caller. What {@code close} throws is reported to the
 * machine's reporter; the open counts as closed. A {@code close} that hangs keeps one thread of the machine, and delays
 * nothing else but who waits for everything to be closed.
 */
public interface VmOperations {
    /**
     * A new VMA is about to map the backing. A refusal changes nothing; on Linux, {@code mmap} with {@code MAP_FIXED}
     * would have unmapped by then.
     *
     * @param vma what is to be mapped: a description, not attached to a space
     * @return null, or why not; the operation fails with that
     */
    default @Nullable Errno open(Vma vma) {
        return null;
    }

    /**
     * A VMA is about to be cut in two.
     *
     * @param vma the VMA, which is kept while this runs
     * @param address where it would be cut, a page boundary inside of it
     * @return null, or why not; the operation fails with that where Linux's would
     */
    default @Nullable Errno maySplit(Vma vma, long address) {
        return null;
    }

    /**
     * An open has ended.
     *
     * @param vma the argument of the {@link #open} that began it; what maps there now is another matter
     */
    default void close(Vma vma) {}
}
