// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;

/** Thrown by a store or erase whose range overlaps a reservation of another owner. The tree is unchanged. */
public final class ReservedException extends IllegalStateException {

    private static final long serialVersionUID = 1L;

    /** The lowest index of the reservation. */
    private final long first;

    /** The highest index of the reservation. */
    private final long last;

    /** Lost on serialization. */
    private final transient Object owner;

    ReservedException(long first, long last, Object owner) {
        this.first = first;
        this.last = last;
        this.owner = Objects.requireNonNull(owner);
    }

    /**
     * Returns the owner of the reservation; if the range overlaps several reservations of other owners, returns the
     * owner of the lowest one.
     *
     * @return the object that was passed to the reserving call
     */
    public Object owner() {
        return owner;
    }

    /**
     * Returns the lowest index of the reservation.
     *
     * @return the index, unsigned
     */
    public long first() {
        return first;
    }

    /**
     * Returns the highest index of the reservation, inclusive.
     *
     * @return the index, unsigned
     */
    public long last() {
        return last;
    }

    /**
     * Returns a message with the owner and the range. The owner's {@code toString} is called here, and not when the
     * exception is created, because the throwing method holds the writer lock.
     */
    @Override
    public String getMessage() {
        return IndexRange.text(first, last) + " is reserved by " + owner;
    }
}
