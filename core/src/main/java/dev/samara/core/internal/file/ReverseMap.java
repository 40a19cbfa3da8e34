// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.vma.FileLink;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.VmaFlags;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * Maps page numbers of a file to the VMAs that map them, in all spaces ({@code i_mmap}).
 *
 * <p>A VMA is linked before its layout is published. It is unlinked when the operation that removed it has retired its
 * pages. So a lookup finds every VMA through which a page may be mapped, and some more. Linking, unlinking and lookups
 * run in parallel, and none waits.
 *
 * <p>A VMA that is unlinked during a lookup stays to the end of that lookup. Otherwise a lookup could miss both the VMA
 * and its successor, which has its pages: the VMA because it is gone, the successor because it was linked after the
 * search of its place. A lookup waits for no thread: it records the links that it finds, and its caller processes the
 * links after its end.
 *
 * <p>An interval is stored at the smallest aligned block of a power of two of pages that contains it. Blocks of one
 * size are ordered and do not overlap, so a lookup takes two searches per size in use. One link at a time needs no
 * place there: an object that is mapped once has no map.
 */
final class ReverseMap {
    private static final int SIZES = 64;

    /** In nanoseconds, between two attempts to end a lookup without memory. */
    private static final long PAUSE = 100_000;

    /** The place of a VMA: the binary logarithm of the block's size, the block's number, and a unique number. */
    private record Key(int shift, long block, long number) implements Comparable<Key> {
        @Override
        public int compareTo(Key other) {
            int order = Integer.compare(shift, other.shift);
            order = order != 0 ? order : Long.compareUnsigned(block, other.block);
            return order != 0 ? order : Long.compareUnsigned(number, other.number);
        }
    }

    /**
     * One linked VMA, which can unlink itself. Once it is in the map, no further allocation is needed, so none can
     * fail.
     */
    final class Link implements FileLink {
        private final VmArea vma;
        private final PageTable table;

        /**
         * Set before the link is in the map; null for the sole link.
         *
         * @words {@code key}, {@code isLeft}, {@code nextLeft}
         * @written {@code key} by the thread that links the VMA, before the link is in the map; the others by a thread
         *     whose removal of the link has failed, before it puts the link into {@code left} (plain)
         * @read a thread that unlinks the VMA, or removes the links of {@code left} (plain)
         * @invariant of a link; {@code key} is null only for the link of {@code sole}
         */
        private @Nullable Key key;

        /**
         * @written the thread that links the VMA (volatile, before the link is in the map); the operation that has
         *     removed the pages of other mappings from the VMA's range (volatile)
         * @read a thread that removes private pages, holding the leaf's lock (volatile)
         * @invariant while false, no private page in the VMA's range is of its mapping; it never becomes false again
         */
        private volatile boolean isEntered;

        /**
         * @written the thread that unlinks the VMA, before the operation that retires the VMA is complete (volatile)
         * @read a thread that removes private pages, holding the leaf's lock; an eviction, with that lock and before; a
         *     thread that counts the mappings of a page, without (volatile)
         * @invariant while false, and {@code isEntered} true, private pages in the VMA's range are of its mapping
         */
        private volatile boolean isUnlinked;

        /* For the thread whose removal of this link has failed, then for a thread that takes all such links. */

        /** Whether a removal has failed, perhaps after the link was out of the map. */
        private boolean isLeft;

        private @Nullable Link nextLeft;

        private Link(VmArea vma, PageTable table, boolean isEntered) {
            this.vma = vma;
            this.table = table;
            this.isEntered = isEntered;
        }

        VmArea vma() {
            return vma;
        }

        PageTable table() {
            return table;
        }

        @Override
        public void enter() {
            // After the removal of the last page of other mappings, each by a read-modify-write of its entry: a thread
            // that reads this and has read such an entry fails to change it.
            isEntered = true;
        }

        @Override
        public void unlink() {
            ReverseMap.this.unlink(this);
            if (vma.has(VmaFlags.LOCKED)) {
                unlocked.run();
            }
            unlinked.run();
        }

        /**
         * Returns whether the range of the VMA was emptied of the pages of the mapping that the VMA replaces. Before
         * that, no page in the range belongs to the VMA: its faults wait, and pages that are moved there are put down
         * later.
         */
        boolean isEntered() {
            return isEntered;
        }

        /**
         * Returns whether the link was unlinked, so pages in the range of the VMA may be another mapping's. If not, and
         * if the link is entered, the pages seen under the lock of a leaf are this VMA's, or those of another VMA of
         * its mapping. No other page is put in before the operation that removes the VMA is complete, which is
         * after the unlinking.
         */
        boolean isUnlinked() {
            return isUnlinked;
        }
    }

    /** Receives links. It must not wait, since unlinked links stay in the map meanwhile. */
    @FunctionalInterface
    interface Visitor {
        void visit(Link link);
    }

    /** The number of lookups under way, and the links that were unlinked since the first of them began. */
    private record Lookups(int count, @Nullable Unlinked unlinked) {}

    private record Unlinked(Link link, @Nullable Unlinked next) {}

    private static final VarHandle SOLE;
    private static final VarHandle LINKS;
    private static final VarHandle LOOKUPS;
    private static final VarHandle LEFT;
    private static final VarHandle NUMBERS;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            SOLE = lookup.findVarHandle(ReverseMap.class, "sole", Link.class);
            LINKS = lookup.findVarHandle(ReverseMap.class, "links", ConcurrentSkipListMap.class);
            LOOKUPS = lookup.findVarHandle(ReverseMap.class, "lookups", Lookups.class);
            LEFT = lookup.findVarHandle(ReverseMap.class, "left", Link.class);
            NUMBERS = lookup.findVarHandle(ReverseMap.class, "numbers", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * A link that needs no place in the map: most objects of shared memory have one link. Null for none.
     *
     * @written a thread that links a VMA, from null; a thread that unlinks that VMA, to null (compare-and-set)
     * @read a thread that links a VMA; a thread that removes pages (volatile)
     * @invariant as {@code links}; a link never moves between the two, so a lookup that reads one after the other
     *     misses none
     */
    private volatile @Nullable Link sole;

    /**
     * The other links; null before the first of them.
     *
     * @written the first thread that links a VMA while {@code sole} is taken (compare-and-set); its map: a thread that
     *     links or unlinks a VMA (concurrent map)
     * @read a thread that removes pages; a thread that links or unlinks a VMA (volatile, concurrent map)
     * @invariant every VMA through which a page may be mapped, but for that of {@code sole}: linked before publication,
     *     unlinked after its pages are retired
     */
    private volatile @Nullable ConcurrentSkipListMap<Key, Link> links;

    /**
     * Null while no lookup is under way.
     *
     * @written a lookup, at its beginning and its end (compare-and-set); a thread that unlinks during a lookup
     *     (compare-and-set)
     * @read a lookup; a thread that unlinks (volatile)
     * @invariant during a lookup nothing leaves {@code sole} or {@code links}, and a lookup waits for no thread. A
     *     later lookup finds the successor of a link that leaves
     */
    private volatile @Nullable Lookups lookups;

    /**
     * The unlinked links whose removal has failed for want of memory, linked by their own fields.
     *
     * @written a thread that had no memory to remove a link (compare-and-set); a thread that unlinks another VMA later,
     *     and takes all (get-and-set)
     * @read a thread that unlinks a VMA (volatile)
     * @pairs the fields of a link in this list are stored before the compare-and-set, and read after the get-and-set
     * @invariant unlinked links that the map may have still
     */
    private volatile @Nullable Link left;

    /**
     * @written a thread that links a VMA (get-and-add)
     * @read a thread that links a VMA (get-and-add)
     * @invariant distinguishes links with equal places
     */
    @SuppressWarnings("UnusedVariable") // by NUMBERS
    private volatile long numbers;

    private Runnable unlinked;
    private Runnable unlocked = () -> {};

    /**
     * Creates a map without VMAs.
     *
     * @param unlinked runs after each unlinking; must neither wait nor throw
     */
    ReverseMap(Runnable unlinked) {
        this.unlinked = unlinked;
    }

    /** Has another task run after each unlinking, with the rules of the first. Called before there is a link. */
    void whenUnlinked(Runnable task) {
        unlinked = task;
    }

    /** Has a task run after each unlinking of a VMA with the lock flag, with the rules of the others. */
    void whenUnlocked(Runnable task) {
        unlocked = task;
    }

    /**
     * Links a VMA.
     *
     * @param isEntered whether no page of another mapping is in its range
     */
    Link link(VmArea vma, PageTable table, boolean isEntered) {
        Link link = new Link(vma, table, isEntered);
        if (sole != null || !SOLE.compareAndSet(this, (Link) null, link)) {
            put(link);
        }
        return link;
    }

    private void put(Link link) {
        ConcurrentSkipListMap<Key, Link> map = madeLinks();
        long first = link.vma.pageOffset();
        int shift = SIZES - Long.numberOfLeadingZeros(first ^ lastPage(link.vma, link.table));
        Key key = new Key(shift, block(first, shift), (long) NUMBERS.getAndAdd(this, 1));
        link.key = key;
        boolean isLinked = false;
        try {
            map.put(key, link);
            isLinked = true;
        } finally {
            // Memory may run out after the link has come into the map.
            if (!isLinked) {
                remove(link);
            }
        }
    }

    private ConcurrentSkipListMap<Key, Link> madeLinks() {
        ConcurrentSkipListMap<Key, Link> map = links;
        if (map == null) {
            LINKS.compareAndSet(this, (ConcurrentSkipListMap<Key, Link>) null, new ConcurrentSkipListMap<>());
            map = Objects.requireNonNull(links);
        }
        return map;
    }

    /**
     * Unlinks a VMA. A successor that has its pages was linked before. Does not fail for want of memory: the link then
     * stays in the map until a later call has memory, and a lookup that finds it finds no page of its VMA.
     */
    void unlink(Link link) {
        link.isUnlinked = true;
        removeLeft();
        try {
            removeAfterLookups(link);
        } catch (OutOfMemoryError exhausted) {
            leave(link);
        }
    }

    private void leave(Link link) {
        link.isLeft = true;
        Link first;
        do {
            first = left;
            link.nextLeft = first;
        } while (!LEFT.compareAndSet(this, first, link));
    }

    /** Removes the links whose removal has failed before. */
    private void removeLeft() {
        if (left == null) {
            return;
        }
        for (Link link = (Link) LEFT.getAndSet(this, (Link) null); link != null; ) {
            Link next = link.nextLeft;
            try {
                removeAfterLookups(link);
            } catch (OutOfMemoryError exhausted) {
                leave(link);
            }
            link = next;
        }
    }

    private void removeAfterLookups(Link link) {
        for (; ; ) {
            Lookups now = lookups;
            if (now == null) {
                // A lookup that begins from here on finds the links that were made before this call.
                removeOnce(link);
                return;
            }
            if (LOOKUPS.compareAndSet(this, now, new Lookups(now.count, new Unlinked(link, now.unlinked)))) {
                return;
            }
        }
    }

    private void removeOnce(Link link) {
        if (!remove(link) && !link.isLeft) {
            throw new IllegalStateException("unlinked twice: " + link.vma);
        }
    }

    private boolean remove(Link link) {
        Key key = link.key;
        if (key == null) {
            return SOLE.compareAndSet(this, link, (Link) null);
        }
        return madeLinks().remove(key) != null;
    }

    private void begin() {
        Lookups now;
        do {
            now = lookups;
        } while (!LOOKUPS.compareAndSet(
                this, now, now == null ? new Lookups(1, null) : new Lookups(now.count + 1, now.unlinked)));
    }

    private void end() {
        Lookups before = endAtLast();
        if (before != null && before.count == 1) {
            for (Unlinked gone = before.unlinked; gone != null; gone = gone.next) {
                try {
                    removeOnce(gone.link);
                } catch (OutOfMemoryError exhausted) {
                    leave(gone.link);
                }
            }
        }
    }

    /** Ends a lookup once there is memory for that. A lookup without end would keep all links for ever. */
    private @Nullable Lookups endAtLast() {
        for (; ; ) {
            try {
                Lookups now = lookups;
                Lookups fewer = now == null || now.count == 1 ? null : new Lookups(now.count - 1, now.unlinked);
                if (LOOKUPS.compareAndSet(this, now, fewer)) {
                    return now;
                }
            } catch (OutOfMemoryError exhausted) {
                Pause.parkNanos(this, PAUSE);
            }
        }
    }

    private static long lastPage(VmArea vma, PageTable table) {
        return vma.pageOffset() + (vma.length() >>> table.pageShift()) - 1;
    }

    private static long block(long page, int shift) {
        return shift == SIZES ? 0 : page >>> shift;
    }

    /**
     * Visits the VMAs that map a page of a range, inclusive. Visits each VMA that was linked before the call and is not
     * unlinked before its end. If a VMA is unlinked meanwhile, this visits the VMA itself, or the successor that was
     * linked before.
     */
    void visit(long first, long last, Visitor visitor) {
        begin();
        try {
            Link alone = sole;
            if (alone != null) {
                visit(alone, first, last, visitor);
            }
            ConcurrentSkipListMap<Key, Link> map = links;
            if (map != null) {
                visit(map, first, last, visitor);
            }
        } finally {
            end();
        }
    }

    private static void visit(Link link, long first, long last, Visitor visitor) {
        if (Addresses.isAtMost(link.vma.pageOffset(), last)
                && Addresses.isAtMost(first, lastPage(link.vma, link.table))) {
            visitor.visit(link);
        }
    }

    private static void visit(ConcurrentSkipListMap<Key, Link> map, long first, long last, Visitor visitor) {
        int shift = 0;
        while (shift <= SIZES) {
            Key from = new Key(shift, block(first, shift), 0);
            Key next = map.ceilingKey(from);
            if (next == null) {
                return;
            }
            if (next.shift == shift) {
                Key to = new Key(shift, block(last, shift), -1);
                for (Link link : map.subMap(from, true, to, true).values()) {
                    visit(link, first, last, visitor);
                }
                shift++;
            } else {
                // No link of the sizes between is at these pages.
                shift = next.shift;
            }
        }
    }

    boolean isEmpty() {
        ConcurrentSkipListMap<Key, Link> map = links;
        return sole == null && (map == null || map.isEmpty());
    }

    /** Returns the number of links, including unlinked ones that stay for a lookup. */
    int size() {
        ConcurrentSkipListMap<Key, Link> map = links;
        return (sole == null ? 0 : 1) + (map == null ? 0 : map.size());
    }
}
