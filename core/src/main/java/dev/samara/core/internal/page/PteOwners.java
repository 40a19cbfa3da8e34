// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.sync.Gate;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Who is at page table entries of one machine, by number: what an entry in transit names.
 *
 * <p>A number belongs to one worker, and a worker is at entries for one operation at a time. So an entry with its
 * number can only have been written by that operation, and the operation's compare-and-set cannot take another's entry
 * for its own. Who finds an entry in transit waits at a gate, which is made only then, and reads the entry again after
 * that. Thread-safe; nobody waits here.
 */
public final class PteOwners {
    /*
     * Algorithmic notes.
     *
     *     owner:   change its entries (compare-and-set)        then take the gate off (get-and-set) and open it
     *     waiter:  put a gate on, if there is none (compare-and-set)    then read the entry again: as before? wait
     *
     * One of the two sees the other. A gate that was put on too late, because the entry has changed already, stays: the
     * owner's next operation opens it, and who waits at it meanwhile waits for that operation.
     */

    /** How many workers there can be. */
    public static final int MOST = 1 << 16;

    private final AtomicReferenceArray<@Nullable Gate> gates;

    /* Guarded by this. */
    private final Deque<Integer> free = new ArrayDeque<>();
    private int given;

    public PteOwners(int most) {
        gates = new AtomicReferenceArray<>(most);
    }

    /** Gives a worker a number of its own; -1 if all are given. */
    public synchronized int register() {
        Integer again = free.poll();
        if (again != null) {
            return again;
        }
        if (given == gates.length()) {
            return -1;
        }
        return given++;
    }

    /** Takes back the number of a worker that is at no entry. */
    public synchronized void release(int number) {
        free.add(number);
    }

    /**
     * Ends an operation, of which no entry is left, and wakes who waits for it.
     *
     * @param owner the number of its worker
     */
    public void leave(int owner) {
        // A look first: nearly always nobody waits. Volatile, behind the compare-and-set of the last entry.
        if (gates.get(owner) != null) {
            Gate gate = gates.getAndSet(owner, null);
            if (gate != null) {
                Gate.wake(gate.open());
            }
        }
    }

    /**
     * What to wait at for an entry in transit. It must be read again after this, and waited for only if it is as
     * before.
     *
     * @param pte an entry in transit
     * @return the gate of its owner
     */
    public Gate gateOf(long pte) {
        int owner = Pte.owner(pte);
        Gate gate = gates.get(owner);
        while (gate == null) {
            Gate fresh = new Gate();
            gate = gates.compareAndExchange(owner, null, fresh);
            if (gate == null) {
                gate = fresh;
            }
        }
        // Between the gate and the caller's look at the entry. Pairs with leave, behind the change of that.
        VarHandle.fullFence();
        return gate;
    }
}
