// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import java.util.Objects;

/** Thrown by a store or erase that met a reservation of another owner. The tree is unchanged. */
public final class ReservedException extends IllegalStateException {

    private static final long serialVersionUID = 1L;

    /** The lowest index of the reservation. */
    private final long first;

    /** The highest index of the reservation. */
    private final long last;

    /** Not kept by serialization. */
    private final transient Object owner;

    ReservedException(long first, long last, Object owner) {
        this.first = first;
        this.last = last;
        this.owner = Objects.requireNonNull(owner);
    }

    /**
     * Returns the owner of the reservation, the lowest one in the range.
     *
     * @return the object that was given when the range was reserved
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
     * Returns a message with the owner and the range. The owner's {@code toString} is called here, and not where the
     * exception is thrown, because there the writer lock is held.
     */
    @Override
    public String getMessage() {
        return Keys.range(first, last) + " is reserved by " + owner;
    }
}
