// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import java.lang.invoke.VarHandle;
import org.jctools.queues.varhandle.SpscUnboundedVarHandleArrayQueue;
import org.jspecify.annotations.Nullable;

/**
 * An unbounded queue of one producer and one consumer at a time: one of JCTools'. A thread that follows another one as
 * producer, or as consumer, must have been handed the part by it.
 *
 * <p>An Error between the two stores of an addition would leave the queue out of step. The queue allocates before the
 * first of them. The producer makes sure that it has stack for {@value #DEPTH} frames.
 *
 * @param <E> the elements
 */
public final class SpscQueue<E> {
    /** The number of frames of {@link #offer}, with a new chunk. */
    static final int DEPTH = 7;

    private static final int CHUNK = 32;

    static {
        // Links each call of the queue while there is stack and memory: linking needs far more than a call.
        SpscQueue<Object> first = new SpscQueue<>();
        for (int i = 0; i <= CHUNK; i++) {
            first.offer(first);
        }
        while (!first.isEmpty()) {
            first.poll();
        }
    }

    private final SpscUnboundedVarHandleArrayQueue<E> queue = new SpscUnboundedVarHandleArrayQueue<>(CHUNK);

    /** Creates an empty queue. */
    public SpscQueue() {}

    /**
     * Adds an element. For the producer.
     *
     * @param element the element
     * @throws OutOfMemoryError if there is no memory for another chunk; the element is not added
     */
    public void offer(E element) {
        queue.offer(element);
    }

    /**
     * Removes the oldest element. For the consumer.
     *
     * @return the element, or null if there is none
     */
    public @Nullable E poll() {
        return queue.poll();
    }

    /**
     * Returns whether there is no element. Begins with a full fence: the stores of {@link #offer} are release stores,
     * and a later read of a flag by the producer could overtake them. For any thread.
     *
     * @return whether it is empty
     */
    public boolean isEmpty() {
        VarHandle.fullFence();
        return queue.isEmpty();
    }
}
