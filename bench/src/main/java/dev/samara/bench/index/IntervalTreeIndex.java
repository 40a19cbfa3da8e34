// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.index;

import com.lodborg.intervaltree.Interval;
import com.lodborg.intervaltree.IntervalTree;
import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/**
 * Lodborg's interval tree with a reader-writer lock: a set of intervals, which may overlap. A subclass of the interval
 * contains the value.
 *
 * <p>Weakness, besides the lock: it is designed for intervals that overlap. Each node contains two sorted sets of
 * intervals, and a lookup returns a new set of all intervals at a point. Bounds are objects.
 */
final class IntervalTreeIndex extends ReadWriteLocked {
    private final IntervalTree<Long> tree = new IntervalTree<>();

    /** The interval of a range, or an interval without a value, which the tree creates internally. */
    private static final class RangeInterval extends Interval<Long> {
        private final @Nullable Range range;

        RangeInterval(Range range) {
            super(range.first(), range.last(), Bounded.CLOSED);
            this.range = range;
        }

        RangeInterval() {
            range = null;
        }

        @Override
        protected Interval<Long> create() {
            return new RangeInterval();
        }

        @Override
        public Long getMidpoint() {
            return getStart() + (getEnd() - getStart()) / 2;
        }
    }

    @Override
    @Nullable
    Range find(long address) {
        Iterator<Interval<Long>> found = tree.query(address).iterator();
        return found.hasNext() ? ((RangeInterval) found.next()).range : null;
    }

    @Override
    void put(Range range) {
        tree.add(new RangeInterval(range));
    }

    @Override
    void drop(Range range) {
        tree.remove(new RangeInterval(range));
    }

    @Override
    void divide(Range whole, Range left, Range right) {
        drop(whole);
        put(left);
        put(right);
    }

    @Override
    void join(Range left, Range right, Range whole) {
        drop(left);
        drop(right);
        put(whole);
    }

    @Override
    void change(Range before, Range after) {
        drop(before);
        put(after);
    }
}
