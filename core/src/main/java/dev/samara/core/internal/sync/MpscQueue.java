// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.VarHandle;
import org.jctools.queues.varhandle.MpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * An unbounded queue of many producers and one consumer at a time, in the order of the calls of {@link #offer}.
 *
 * <p>The queue is one of JCTools'. A producer claims a place by a compare-and-set and then stores its element, and the
 * consumer spins in between. If an Error ended the producer there, the consumer would spin for ever. The queue gives
 * its claim back if there is no memory for another chunk. This class refuses a producer that has too little stack
 * before the claim.
 *
 * @param <E> the elements
 */
public final class MpscQueue<E> {
    /** The number of frames that {@link #offer} asks for. Interpreted, it is 7 frames deep, with a new chunk. */
    public static final int DEPTH = 12;

    private static final int CHUNK = 32;

    static {
        // Links each call of the queue while there is stack and memory: linking needs far more than a call.
        MpscQueue<Object> first = new MpscQueue<>();
        for (int i = 0; i <= CHUNK; i++) {
            first.offer(first);
        }
        while (!first.isEmpty()) {
            first.poll();
        }
    }

    /**
     * @written any thread offers: JCTools' queue claims a place by a compare-and-set, and then stores the element by a
     *     release store; then a full fence (concurrent queue)
     * @read the consumer removes; any thread tests whether it is empty (concurrent queue)
     * @pairs with a flag of its user. A producer offers, then reads the flag; the consumer sets the flag, then reads
     *     the queue. The fence is for the first element of a chunk, whose index is a release store
     * @invariant elements in the order of their claims. Between its claim and its store a producer needs neither memory
     *     nor stack that it has not touched, so the consumer spins for a few instructions only
     */
    private final MpscUnboundedVarHandleArrayQueue<E> queue = new MpscUnboundedVarHandleArrayQueue<>(CHUNK);

    /** Creates an empty queue. */
    public MpscQueue() {}

    /**
     * Adds an element. A full fence follows: a later read of the caller sees a flag that the consumer has set before a
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
     * Removes the oldest element. For the consumer.
     *
     * @return the element, or null if there is none
     */
    public @Nullable E poll() {
        return queue.poll();
    }

    /** Returns the oldest element, or null if there is none. For the consumer. */
    @Nullable
    E peek() {
        return queue.peek();
    }

    /**
     * Returns whether there is no element. For any thread.
     *
     * @return whether it is empty
     */
    public boolean isEmpty() {
        return queue.isEmpty();
    }

    /** For any thread; exact while no other thread uses the queue. */
    int size() {
        return queue.size();
    }
}
