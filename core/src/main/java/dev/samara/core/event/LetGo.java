// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import dev.samara.core.annotation.Experimental;

/**
 * Asks a borrower to end its borrow of a space, because the last {@link dev.samara.core.AddressSpace} of the space was
 * closed. The space ends when its last CPU has left it, and no CPU will return to it from a borrow of another space.
 * The borrower should end its borrow soon, on the thread that owns its CPU.
 *
 * <p>A background task of the machine calls it, once per borrow, some time after the close of the last reference. No
 * lock is held, and no operation waits for it: a callback that blocks delays only its own task. It may set a flag, wake
 * the thread that owns the CPU, or enqueue a message for it. It cannot end the borrow itself, unless the task's thread
 * owns the CPU. An exception is reported to the machine's reporter. The call may race with the end of the borrow, but
 * does not start after it.
 */
@FunctionalInterface
@Experimental
public interface LetGo {
    /** Is called when the borrow should end. */
    void letGo();
}
