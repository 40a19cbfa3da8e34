// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;

/**
 * A borrowed space in which the borrower has given up its user count ({@code kthread_unuse_mm} with a lazy TLB): the
 * CPU keeps the page table and its translations, and refuses every access. The space may be torn down in this state.
 * {@link BorrowedSpace#putUsers} returns it. For the thread that owns the CPU.
 *
 * <p>There is no way back from here to the users: the borrower {@linkplain #leave leaves}, and uses the space again.
 */
@Experimental
public final class AdoptedSpace implements AutoCloseable {
    private final BorrowedSpace borrowed;

    AdoptedSpace(BorrowedSpace borrowed) {
        this.borrowed = borrowed;
    }

    /**
     * Ends the borrow: the CPU goes back to the space in which it was before, or is LAZY. Waits only where it has to
     * tear that space down, as {@link BorrowedSpace#close} says.
     *
     * @return the reference to the page table, for {@link Cpu#tryUse}; the caller closes it
     * @throws IllegalStateException if the borrow has ended; or if the CPU is in one of its listeners, or is not owned
     *     by the caller
     */
    public PageTableRef leave() {
        return borrowed.leave();
    }

    /**
     * Ends the borrow as {@link #leave}, and gives the page table up. Does nothing if the borrower has left already.
     *
     * @throws IllegalStateException if the CPU is in one of its listeners, or is not owned by the caller
     */
    @Override
    public void close() {
        borrowed.close();
    }

    /** Returns the CPU, the number of the space, and how far the borrow is, as text. */
    @Override
    public String toString() {
        return borrowed.toString();
    }
}
