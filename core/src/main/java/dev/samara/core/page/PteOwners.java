// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import dev.samara.core.wait.Gate;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The operations that are at page table entries of one machine, by number: what an entry in transit names.
 *
 * <p>A number is given to one operation at a time, so an entry with it can only have been written by that operation, and its
 * compare-and-set cannot take another's entry for its own. Who finds an entry in transit waits at the gate of its owner and
 * then reads the entry again. Thread-safe; nobody waits but {@link #enter}, for a number.
 */
public final class PteOwners {
    private static final int NUMBERS = 1 << 14;

    private final AtomicReferenceArray<@Nullable Gate> gates = new AtomicReferenceArray<>(NUMBERS);
    private final AtomicInteger next = new AtomicInteger();

    /** Makes it with no operation. */
    public PteOwners() {}

    /**
     * Gives an operation a number, and a gate that is shut until it {@linkplain #leave leaves}.
     *
     * @return the number
     */
    public int enter() {
        Gate gate = new Gate();
        for (; ; ) {
            int number = next.getAndIncrement() & NUMBERS - 1;
            if (gates.compareAndSet(number, null, gate)) {
                return number;
            }
            Thread.onSpinWait();
        }
    }

    /**
     * Ends an operation, of which no entry is left, and wakes who waits for it.
     *
     * @param owner its number
     */
    public void leave(int owner) {
        Gate gate = gates.getAndSet(owner, null);
        if (gate == null) {
            throw new IllegalStateException("owner " + owner + " has left already");
        }
        Gate.wake(gate.open());
    }

    /**
     * What to wait at for an entry in transit; it must be read again after this and before the wait.
     *
     * @param pte an entry in transit
     * @return the gate of an operation that has its number, or null if none has
     */
    public @Nullable Gate gateOf(long pte) {
        return gates.get(Pte.owner(pte));
    }
}
