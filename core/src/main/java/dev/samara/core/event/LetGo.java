// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;

/**
 * Asks a borrower to let go of a space: no {@link dev.samara.core.AddressSpace} of the space is open any more. The
 * space ends when its last CPU has left, and CPUs that come back to it from a borrow of another space have left, too.
 * The borrower ends its borrow soon, on the thread that owns its CPU.
 *
 * <p>A task of the machine calls it, once for a borrow, some time after the close of the last reference. No lock is
 * held, and no operation waits for it: a callback that blocks keeps its task only. It may set a flag, wake the thread
 * that owns the CPU, or put a message into its queue. It cannot end the borrow itself, unless the thread of the task
 * owns the CPU. An exception is reported to the machine's reporter. The call may come while the borrow ends, and is not
 * made after that.
 */
@FunctionalInterface
@Experimental
public interface LetGo {
    /** Is called when the borrow is to end. */
    void letGo();
}
