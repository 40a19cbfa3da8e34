// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.event.WriteListener;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The ranges of one space that are watched for writes. They are ranges of addresses, whatever is mapped there.
 *
 * <p>A CPU takes no right to write a watched page into its TLB, so that each store there comes by. Who adds a range has
 * translations flushed after that; who takes one away need not.
 */
public final class Watches {
    /** A watched range. */
    public static final class Watch implements Comparable<Watch> {
        private final long first;
        private final long last;
        private final WriteListener listener;
        private final Consumer<Throwable> reporter;

        private static final long NEVER_ADDED = -1;

        /** How many ranges were added before it. Set once, before the range is in a tree. */
        private long age = NEVER_ADDED;

        /** Told of nothing any more, also by who still finds it. */
        private volatile boolean isClosed;

        /**
         * Describes it.
         *
         * @param first its first byte
         * @param last its last byte, unsigned
         * @param listener who is told
         * @param reporter who is told what the listener has thrown; must not throw
         */
        public Watch(long first, long last, WriteListener listener, Consumer<Throwable> reporter) {
            this.first = first;
            this.last = last;
            this.listener = listener;
            this.reporter = reporter;
        }

        long first() {
            return first;
        }

        long last() {
            return last;
        }

        /** By the first byte, unsigned; of those that begin together the older one comes first. */
        @Override
        public int compareTo(Watch other) {
            int order = Long.compareUnsigned(first, other.first);
            return order != 0 ? order : Long.compare(age, other.age);
        }

        void tell(long address, long length) {
            if (isClosed) {
                return;
            }
            try {
                listener.written(address, length);
            } catch (Throwable thrown) {
                reporter.accept(thrown);
            }
        }
    }

    /** Null for none, which is what costs least to find. */
    private volatile @Nullable WatchTree all;

    /** How many were ever added. Guarded by this. */
    private long added;

    /** Made by a page table. */
    Watches() {}

    /**
     * Whether a byte of a range is watched.
     *
     * @param first the first byte
     * @param last the last byte
     * @return true if so
     */
    public boolean touches(long first, long last) {
        WatchTree known = all;
        return known != null && known.touches(first, last);
    }

    /**
     * Tells who watches a byte of an access, the lowest range first.
     *
     * @param address of its first byte
     * @param length bytes, not 0
     */
    public void tell(long address, long length) {
        WatchTree known = all;
        if (known != null) {
            known.tell(address, length);
        }
    }

    /**
     * Adds a range, in O(log n). Stores are told once translations have been flushed after this.
     *
     * @param watch what is watched
     */
    public synchronized void add(Watch watch) {
        watch.age = added++;
        all = WatchTree.with(all, watch);
    }

    /**
     * Removes a range, in O(log n); nothing happens if it is not watched.
     *
     * @param watch what was watched
     */
    public synchronized void remove(Watch watch) {
        watch.isClosed = true;
        all = WatchTree.without(all, watch);
    }

    /** The ranges of this instant, null for none; for tests. */
    @Nullable
    WatchTree all() {
        return all;
    }
}
