// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import dev.samara.core.vma.WriteListener;
import java.util.Arrays;
import java.util.Comparator;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The ranges of one space that are watched for writes. They are ranges of addresses, whatever is mapped there.
 *
 * <p>A CPU takes no right to write a watched page into its TLB, so that each store there comes by. Who adds a range has translations
 * flushed after that; who takes one away need not.
 */
public final class Watches {
    /** A watched range. */
    public static final class Watch {
        private final long first;
        private final long last;
        private final WriteListener listener;
        private final Consumer<Throwable> reporter;

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

        private void tell(long address, long length) {
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

    /** Those of one instant, by their first byte. Never changed. */
    private static final class Sorted {
        private final Watch[] watches;

        /** For each, the last byte of it and of those before it that ends last. */
        private final long[] reach;

        private Sorted(Watch[] watches, long[] reach) {
            this.watches = watches;
            this.reach = reach;
        }

        static @Nullable Sorted of(Watch[] watches) {
            if (watches.length == 0) {
                return null;
            }
            // Stable: of those that begin together the older one is told first.
            Arrays.sort(watches, Comparator.comparingLong(watch -> watch.first + Long.MIN_VALUE));
            long[] reach = new long[watches.length];
            for (int i = 0; i < reach.length; i++) {
                long last = watches[i].last;
                reach[i] = i == 0 || Long.compareUnsigned(last, reach[i - 1]) > 0 ? last : reach[i - 1];
            }
            return new Sorted(watches, reach);
        }

        /** How many begin at or before an address. */
        int upTo(long last) {
            int low = 0;
            int high = watches.length;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (Long.compareUnsigned(watches[middle].first, last) <= 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }

        boolean touches(long first, long last) {
            int behind = upTo(last);
            return behind > 0 && Long.compareUnsigned(reach[behind - 1], first) >= 0;
        }

        void tell(long address, long length) {
            int behind = upTo(address + length - 1);
            int from = behind;
            while (from > 0 && Long.compareUnsigned(reach[from - 1], address) >= 0) {
                from--;
            }
            for (int i = from; i < behind; i++) {
                if (Long.compareUnsigned(watches[i].last, address) >= 0) {
                    watches[i].tell(address, length);
                }
            }
        }
    }

    /** Null for none, which is what costs least to find. */
    private volatile @Nullable Sorted all;

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
        Sorted known = all;
        return known != null && known.touches(first, last);
    }

    /**
     * Tells who watches a byte of an access, the lowest range first.
     *
     * @param address of its first byte
     * @param length bytes, not 0
     */
    public void tell(long address, long length) {
        Sorted known = all;
        if (known != null) {
            known.tell(address, length);
        }
    }

    /**
     * Adds a range. Stores are told once translations have been flushed after this.
     *
     * @param watch what is watched
     */
    public synchronized void add(Watch watch) {
        Watch[] now = watches();
        Watch[] more = Arrays.copyOf(now, now.length + 1);
        more[now.length] = watch;
        all = Sorted.of(more);
    }

    /**
     * Takes a range away; nothing happens if that has been done.
     *
     * @param watch what was watched
     */
    public synchronized void remove(Watch watch) {
        watch.isClosed = true;
        all = Sorted.of(Arrays.stream(watches()).filter(one -> one != watch).toArray(Watch[]::new));
    }

    private Watch[] watches() {
        Sorted known = all;
        return known == null ? new Watch[0] : known.watches;
    }
}
