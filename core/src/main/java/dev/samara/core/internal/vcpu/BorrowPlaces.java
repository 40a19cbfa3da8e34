// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vcpu;

import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.space.Borrower;
import dev.samara.core.internal.space.Borrowers;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The places of one CPU in the lists of borrowers: one in the list of the machine whose space it borrows, and, if the
 * CPU returns to a space of another machine, one in the list of that machine. So both machines can find a borrow whose
 * CPU is gone. Used by the CPU's thread.
 */
final class BorrowPlaces {
    private final CpuOwner owner;

    /** Null before the first borrow. */
    private Borrowers.@Nullable BorrowPlace borrowing;

    /** Null before the first borrow across machines. */
    private Borrowers.@Nullable BorrowPlace home;

    BorrowPlaces(CpuOwner owner) {
        this.owner = owner;
    }

    /**
     * Creates the places for a borrow, so that starting and ending the borrow allocates nothing.
     *
     * @param of the machine of the borrowed space
     * @param back the machine of the space to which the CPU returns; null if there is none
     */
    void reserve(Borrowers of, @Nullable Borrowers back) {
        borrowing = placeIn(of, borrowing);
        if (back != null && back != of) {
            home = placeIn(back, home);
        }
    }

    private Borrowers.BorrowPlace placeIn(Borrowers of, Borrowers.@Nullable BorrowPlace known) {
        if (known != null && known.isIn(of)) {
            return known;
        }
        Borrowers.BorrowPlace made = of.add(owner);
        if (known != null) {
            known.remove();
        }
        return made;
    }

    /**
     * Starts a borrow for which places are {@linkplain #reserve reserved}. If this throws, the caller ends the borrow.
     */
    void begin(Borrower borrower, boolean isAcross) {
        Objects.requireNonNull(borrowing).begin(borrower);
        if (isAcross) {
            Objects.requireNonNull(home).keep(borrower);
        }
    }

    /** Ends the borrow, if there is one. */
    void end() {
        if (borrowing != null) {
            borrowing.end();
        }
        if (home != null) {
            home.end();
        }
    }

    /** Removes the places. There is no borrow. */
    void remove() {
        if (borrowing != null) {
            borrowing.remove();
            borrowing = null;
        }
        if (home != null) {
            home.remove();
            home = null;
        }
    }
}
