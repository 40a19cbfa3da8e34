// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.WaitReporter;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The owners of busy page table entries of one machine, by the owner number in a busy entry.
 *
 * <p>A number belongs to one page table context, which serves one operation at a time. Only that operation can have
 * written a busy entry with the number, so its compare-and-set cannot mistake another operation's entry for its own. A
 * thread that finds a busy entry waits at a gate, which is created only when a thread needs it, and reads the entry
 * again after the wait. Thread-safe; only {@link #await} waits.
 */
public final class PteOwners {
    /*
     * Algorithmic notes.
     *
     *     owner:   changes its entries (compare-and-set)       then removes the gate (get-and-set) and opens it
     *     waiter:  adds a gate, if there is none (compare-and-set)    then reads the entry again: unchanged? waits
     *
     * At least one of the two threads sees the other. A gate that is added too late, after the entry has changed,
     * stays: the owner's next operation opens it, and a thread that waits at the gate until then waits for that
     * operation.
     */

    /** The maximum number of page table contexts. */
    public static final int MOST = 1 << 16;

    /**
     * Written: a waiter (compare-and-exchange from null); an owner whose operation ends (get-and-set).
     * Read: an owner whose operation ends (volatile); a waiter (volatile).
     * Pairs: a waiter adds a gate, fences (full), then reads the entry again. The owner changes its entries, then reads
     *     the gate.
     * Invariant: a gate in this array is opened by the next operation of its owner that ends.
     */
    private final AtomicReferenceArray<@Nullable Gate> gates = new AtomicReferenceArray<>(MOST);

    /**
     * The free numbers, in a ring with room for all numbers that were handed out, so that a release does not allocate.
     *
     * <p>Words: {@code free}, {@code first}, {@code count}, {@code given}, {@code isReleased} of {@code PteOwners},
     *     {@code PageTableContext}.
     * Written: any thread (monitor of {@code PteOwners}).
     * Read: any thread (monitor of {@code PteOwners}).
     * Invariant: a number belongs to one page table context at a time. It is released once per context, when no entry
     *     contains it. {@code free} has room for all numbers that were handed out.
     */
    @GuardedBy("this")
    private int[] free = new int[16];

    @GuardedBy("this")
    private int first;

    @GuardedBy("this")
    private int count;

    @GuardedBy("this")
    private int given;

    /** Allocates the number that was free for the longest time; returns -1 if all are in use. */
    public synchronized int register() {
        if (count != 0) {
            int again = free[first];
            first = (first + 1) % free.length;
            count--;
            return again;
        }
        if (given == MOST) {
            return -1;
        }
        if (given == free.length) {
            // No number is free, so there is nothing to copy.
            free = new int[2 * given];
        }
        return given++;
    }

    /** Frees a number that was never given to a context, or that no busy entry contains. */
    public synchronized void release(int number) {
        free[(first + count) % free.length] = number;
        count++;
    }

    /**
     * Frees the number of a context that ended, unless it was freed already, in which case another context may have the
     * number.
     */
    public synchronized void release(PageTableContext ended) {
        if (!ended.isReleased) {
            ended.isReleased = true;
            // Calls no method, because the stack may be exhausted.
            free[(first + count) % free.length] = ended.owner;
            count++;
        }
    }

    /**
     * Ends an operation that has no busy entries left, and wakes the threads that wait for it.
     *
     * @param owner the number of the operation's page table context
     */
    public void leave(int owner) {
        // Read first, which avoids the exchange, because a thread almost never waits. Volatile, after the
        // compare-and-set of the last entry. Pairs with gateOf.
        if (gates.get(owner) != null) {
            Gate gate = gates.getAndSet(owner, null);
            if (gate != null) {
                Gate.wake(gate.open());
            }
        }
    }

    /**
     * Waits for the owner of a busy entry, unless the entry has changed. The caller holds no lock.
     *
     * @param leaf the leaf that contains the entry
     * @param index the index of the entry
     * @param pte the busy entry
     * @param reporter is notified of a long wait
     * @throws IllegalArgumentException if the entry is not busy
     */
    public void await(long[] leaf, int index, long pte, WaitReporter reporter) {
        if (!Pte.isBusy(pte)) {
            throw new IllegalArgumentException("no operation has claimed " + Pte.toString(pte));
        }
        Gate gate = gateOf(pte);
        // Read again after the gate was found, because the owner number can be reused. While the entry still contains
        // the number, the current user of the number is the owner.
        if (Leaf.get(leaf, index) == pte) {
            gate.awaitUninterruptibly(reporter);
        }
    }

    /**
     * Returns the gate of a busy entry's owner. The caller reads the entry again after this call, and waits at the gate
     * only if the entry is unchanged.
     *
     * @param pte a busy entry
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
        // Orders the store of the gate before the caller's read of the entry. Pairs with leave, which reads the gate
        // after the change of the entry.
        VarHandle.fullFence();
        return gate;
    }
}
