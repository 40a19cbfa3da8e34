// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.event.AccessListener;
import dev.samara.core.event.WriteListener;
import java.util.function.Consumer;

/** A range of addresses that is watched for writes or for reads, first and last byte inclusive. */
public final class WatchedRange implements Comparable<WatchedRange> {
    private static final long NEVER_ADDED = -1;

    private final long first;
    private final long last;
    private final AccessListener listener;
    private final Consumer<Throwable> reporter;

    /** The number of ranges that were added before this one. Set once, before the range is in a tree. */
    private long age = NEVER_ADDED;

    /**
     * If true, the listener is not notified any more, even by a thread that still finds the range.
     *
     * <p>Written: a thread that removes the watch (volatile).
     * Read: a thread that is about to call the watch's listener (volatile).
     * Invariant: never reset.
     */
    private volatile boolean isClosed;

    /**
     * Describes a range, without adding it.
     *
     * @param first the address of its first byte
     * @param last the address of its last byte, inclusive, unsigned
     * @param listener is notified of stores, on the thread that stores
     * @param reporter is given the exceptions that the listener throws; must not throw
     */
    public WatchedRange(long first, long last, WriteListener listener, Consumer<Throwable> reporter) {
        this(first, last, (access, address, length, value) -> listener.written(address, length), reporter);
    }

    /**
     * Describes a range, without adding it.
     *
     * @param first the address of its first byte
     * @param last the address of its last byte, inclusive, unsigned
     * @param listener is notified of reads, on the thread that reads
     * @param reporter is given the exceptions that the listener throws; must not throw
     */
    public WatchedRange(long first, long last, AccessListener listener, Consumer<Throwable> reporter) {
        this.first = first;
        this.last = last;
        this.listener = listener;
        this.reporter = reporter;
    }

    /** Sets the number of ranges that were added before this one. Called once, before the range is in a tree. */
    void setAge(long before) {
        age = before;
    }

    /** Ends the notifications of the listener. */
    void close() {
        isClosed = true;
    }

    long first() {
        return first;
    }

    long last() {
        return last;
    }

    /** Orders ranges by the first byte, unsigned, then by age, with the older range first. */
    @Override
    public int compareTo(WatchedRange other) {
        int order = Long.compareUnsigned(first, other.first);
        return order != 0 ? order : Long.compare(age, other.age);
    }

    void tell(int access, long address, long length, long value) {
        if (isClosed) {
            return;
        }
        try {
            listener.read(access, address, length, value);
        } catch (Throwable thrown) {
            reporter.accept(thrown);
        }
    }
}
