// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.vma.Linked;
import dev.samara.core.vma.Vma;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * From page numbers of a file to the VMAs that map them, in all spaces ({@code i_mmap}).
 *
 * <p>A VMA is linked before the layout that has it is published, and unlinked when the operation that took it out has
 * retired its pages; so who looks finds every VMA through which a page may be mapped, and some more. Linking,
 * unlinking and looking run side by side; none waits.
 *
 * <p>A VMA that is unlinked while somebody looks stays to the end of that look. Otherwise a look could miss both it and
 * what has taken its place and has its pages: the one because it is gone, the other because it is kept where the look
 * has been already. So a look waits for nobody: it notes what it finds, and works on that after its end.
 *
 * <p>An interval is kept by the smallest aligned block of a power of two of pages that contains it. Blocks of one size
 * lie in order and do not overlap, so a look takes one search per size that is in use.
 */
final class ReverseMap {
    private static final int SIZES = 64;

    /** Where a VMA is kept: the binary logarithm of the size, the number of the block, and a number of its own. */
    private record Key(int shift, long block, long number) implements Comparable<Key> {
        @Override
        public int compareTo(Key other) {
            int order = Integer.compare(shift, other.shift);
            order = order != 0 ? order : Long.compareUnsigned(block, other.block);
            return order != 0 ? order : Long.compareUnsigned(number, other.number);
        }
    }

    /** One linked VMA, which can unlink itself: nothing is left to be made, and to fail, once it is in the map. */
    final class Link implements Linked {
        private final Key key;
        private final Vma vma;
        private final PageTable table;
        private volatile boolean isEntered;
        private volatile boolean isLeft;

        private Link(Key key, Vma vma, PageTable table, boolean isEntered) {
            this.key = key;
            this.vma = vma;
            this.table = table;
            this.isEntered = isEntered;
        }

        Vma vma() {
            return vma;
        }

        PageTable table() {
            return table;
        }

        @Override
        public void enter() {
            // Behind the removal of the last page of others, each by a read-modify-write of its entry: a thread that
            // reads this and
            // has read such an entry fails to change it.
            isEntered = true;
        }

        @Override
        public void unlink() {
            ReverseMap.this.unlink(this);
            unlinked.run();
        }

        /**
         * Whether the range of the VMA has been emptied of the pages of a mapping that the VMA replaces. Before that,
         * nothing in the range is the VMA's: its faults wait, and pages that are moved there are put down later.
         */
        boolean isEntered() {
            return isEntered;
        }

        /**
         * Whether it has been unlinked, and what is in the range of the VMA may be another's. If not, and if the link
         * is entered, then what is there under the lock of a leaf is this VMA's, or that of another one of the same
         * mapping: nothing else is put in before the operation that takes the VMA away is complete, and that is after
         * the unlinking.
         */
        boolean isLeft() {
            return isLeft;
        }
    }

    /** Who is told of links. It waits for nobody, since what is unlinked meanwhile stays. */
    @FunctionalInterface
    interface Visitor {
        void visit(Link link);
    }

    /** Looks that are under way, and what was unlinked since the first of them began. */
    private record Looks(int count, @Nullable Unlinked unlinked) {}

    private record Unlinked(Link link, @Nullable Unlinked next) {}

    private final ConcurrentSkipListMap<Key, Link> links = new ConcurrentSkipListMap<>();

    /** Null while nobody looks. */
    private final AtomicReference<@Nullable Looks> looks = new AtomicReference<>();

    private final AtomicIntegerArray bySize = new AtomicIntegerArray(SIZES + 1);
    private final AtomicLong numbers = new AtomicLong();

    private final Runnable unlinked;

    /**
     * Makes one without VMAs.
     *
     * @param unlinked runs after each unlinking; must not wait, nor throw
     */
    ReverseMap(Runnable unlinked) {
        this.unlinked = unlinked;
    }

    /**
     * Links a VMA.
     *
     * @param isEntered whether no page of another mapping is in its range
     */
    Link link(Vma vma, PageTable table, boolean isEntered) {
        long first = vma.pageOffset();
        long last = lastPage(vma, table);
        int shift = SIZES - Long.numberOfLeadingZeros(first ^ last);
        Key key = new Key(shift, block(first, shift), numbers.getAndIncrement());
        Link link = new Link(key, vma, table, isEntered);
        // The count first: who looks passes over sizes without any.
        bySize.getAndIncrement(shift);
        boolean isLinked = false;
        try {
            links.put(key, link);
            isLinked = true;
        } finally {
            // Memory may run out after the link has come into the map.
            if (!isLinked && !remove(link)) {
                bySize.getAndDecrement(shift);
            }
        }
        return link;
    }

    /** Whoever takes the VMA's place, with pages of it, has been linked before. */
    void unlink(Link link) {
        link.isLeft = true;
        for (; ; ) {
            Looks now = looks.get();
            if (now == null) {
                // A look that begins from here on finds what was linked before this call.
                if (!remove(link)) {
                    throw new IllegalStateException("unlinked twice: " + link.vma);
                }
                return;
            }
            if (looks.compareAndSet(now, new Looks(now.count, new Unlinked(link, now.unlinked)))) {
                return;
            }
        }
    }

    private boolean remove(Link link) {
        if (links.remove(link.key) == null) {
            return false;
        }
        bySize.getAndDecrement(link.key.shift);
        return true;
    }

    private void begin() {
        looks.updateAndGet(now -> now == null ? new Looks(1, null) : new Looks(now.count + 1, now.unlinked));
    }

    private void end() {
        Looks before = looks.getAndUpdate(
                now -> now == null || now.count == 1 ? null : new Looks(now.count - 1, now.unlinked));
        if (before != null && before.count == 1) {
            for (Unlinked gone = before.unlinked; gone != null; gone = gone.next) {
                remove(gone.link);
            }
        }
    }

    private static long lastPage(Vma vma, PageTable table) {
        return vma.pageOffset() + (vma.length() >>> table.pageShift()) - 1;
    }

    private static long block(long page, int shift) {
        return shift == SIZES ? 0 : page >>> shift;
    }

    /**
     * Visits the VMAs that map a page of a range: each that was linked before the call and is not unlinked before its
     * end, and for one that is unlinked meanwhile itself, or what was linked before that.
     */
    void visit(long first, long last, Visitor visitor) {
        begin();
        try {
            for (int shift = 0; shift <= SIZES; shift++) {
                if (bySize.get(shift) != 0) {
                    visit(shift, first, last, visitor);
                }
            }
        } finally {
            end();
        }
    }

    private void visit(int shift, long first, long last, Visitor visitor) {
        Key from = new Key(shift, block(first, shift), 0);
        Key to = new Key(shift, block(last, shift), -1);
        for (Map.Entry<Key, Link> entry : links.subMap(from, true, to, true).entrySet()) {
            Link link = entry.getValue();
            if (Long.compareUnsigned(link.vma.pageOffset(), last) <= 0
                    && Long.compareUnsigned(first, lastPage(link.vma, link.table)) <= 0) {
                visitor.visit(link);
            }
        }
    }

    boolean isEmpty() {
        return links.isEmpty();
    }

    /** The number of links, with those that were unlinked and stay for a look. */
    int size() {
        return links.size();
    }
}
