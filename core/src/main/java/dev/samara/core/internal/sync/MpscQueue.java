// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.VarHandle;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * An unbounded FIFO queue with many producers and one consumer at a time, in the order of the {@link #offer} calls.
 *
 * <p>The queue is from JCTools. A producer claims a place by a compare-and-set and then stores its element; a consumer
 * that reaches the place before the store spins. If an Error ended the producer before the store, the consumer would
 * spin forever. If there is no memory for another chunk, the queue releases the claim. If the producer has too little
 * stack, this class refuses it before the claim.
 *
 * @param <E> the type of the elements
 */
public final class MpscQueue<E> {
    /**
     * The number of stack frames that {@link #offer} checks for. Interpreted, it is 7 frames deep if it adds a chunk.
     */
    public static final int DEPTH = 12;

    private static final int CHUNK = 32;

    static {
        // Makes the JVM link each call of the queue's methods now, while there is enough stack and memory, because
        // linking a call needs far more of both than the call itself.
        MpscQueue<Object> first = new MpscQueue<>();
        for (int i = 0; i <= CHUNK; i++) {
            first.offer(first);
        }
        while (!first.isEmpty()) {
            first.poll();
        }
    }

    /**
     * Written: any thread offers: JCTools' queue claims a place by a compare-and-set, and then stores the element by a
     *     release store; then a full fence (concurrent queue).
     * Read: the consumer removes; any thread tests whether it is empty (concurrent queue).
     * Pairs: with a flag of its user. A producer offers, then reads the flag; the consumer sets the flag, then reads
     *     the queue. The fence is needed for the first element of a chunk, whose index is written by a release store.
     * Invariant: elements in the order of their claims. Between its claim and its store a producer needs neither memory
     *     nor stack that it has not touched, so the consumer spins only for a few instructions.
     */
    private final MpscUnboundedVarHandleArrayQueue<E> queue = new MpscUnboundedVarHandleArrayQueue<>(CHUNK);

    /** Creates an empty queue. */
    public MpscQueue() {}

    /**
     * Adds an element. A full fence follows, so a later read by the caller sees a flag that the consumer set before a
     * call of {@link #isEmpty} that returned true.
     *
     * @param element the element
     * @throws OutOfMemoryError if there is no memory for another chunk; the element is not added
     * @throws StackOverflowError if there is too little stack; the element is not added
     */
    public void offer(E element) {
        StackReserve.check(DEPTH);
        queue.offer(element);
        // The index of a new chunk is a release store, which a later volatile read could overtake. Pairs with a
        // consumer that sets its flag, and then calls isEmpty.
        VarHandle.fullFence();
    }

    /**
     * Removes the oldest element. Called only by the consumer.
     *
     * @return the element, or null if there is none
     */
    public @Nullable E poll() {
        return queue.poll();
    }

    /** Returns the oldest element, or null if there is none. Called only by the consumer. */
    @Nullable
    E peek() {
        return queue.peek();
    }

    /**
     * Returns whether the queue is empty. May be called by any thread.
     *
     * @return whether it is empty
     */
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    /** Returns the number of elements. May be called by any thread; exact while no other thread uses the queue. */
    int size() {
        return queue.size();
    }
}
