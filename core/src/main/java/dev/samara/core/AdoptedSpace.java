// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;

/**
 * A borrowed space whose borrower has released its user count ({@code kthread_unuse_mm} with a lazy TLB): the CPU keeps
 * the page table and its translations, and refuses every access. The space may be torn down in this state. {@link
 * BorrowedSpace#putUsers} returns it. Only the thread that owns the CPU may use it.
 *
 * <p>An adopted space cannot become a user again directly: the borrower must {@linkplain #leave leave}, and then borrow
 * the space again.
 */
@Experimental
public final class AdoptedSpace implements AutoCloseable {
    private final BorrowedSpace borrowed;

    AdoptedSpace(BorrowedSpace borrowed) {
        this.borrowed = borrowed;
    }

    /**
     * Ends the borrow: the CPU returns to its previous space, or becomes LAZY. Waits only if it has to tear that space
     * down, as {@link BorrowedSpace#close} describes.
     *
     * @return the reference to the page table, for {@link Cpu#tryUse}; the caller closes it
     * @throws IllegalStateException if the borrow has ended; or if the CPU is in one of its listeners, or is not owned
     *     by the caller
     */
    public PageTableRef leave() {
        return borrowed.leave();
    }

    /**
     * Ends the borrow as {@link #leave} does, and releases the page table. Does nothing if the borrower has already
     * left.
     *
     * @throws IllegalStateException if the CPU is in one of its listeners, or is not owned by the caller
     */
    @Override
    public void close() {
        borrowed.close();
    }

    /** Returns the CPU, the space's number and the stage of the borrow as text. */
    @Override
    public String toString() {
        return borrowed.toString();
    }
}
