// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.FileLink;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Maps page numbers of a file to the VMAs that map them, in all spaces ({@code i_mmap}).
 *
 * <p>A VMA is linked before its layout is published. It is unlinked after the operation that removed it has retired its
 * pages. So a lookup finds every VMA through which a page may be mapped, and possibly further VMAs. Linking, unlinking
 * and lookups run concurrently and never wait.
 *
 * <p>A VMA that is unlinked during a lookup stays in the map until the end of that lookup. Otherwise a lookup could
 * miss both the VMA and its successor, which now owns the pages: the VMA because it was removed, and the successor
 * because it was linked after the lookup had passed its place. A lookup must not wait for other threads, so it only
 * records the links that it finds, and its caller processes them after the end of the lookup.
 *
 * <p>The interval of a VMA is stored at the smallest block that contains it. Blocks are aligned, and their size in
 * pages is a power of two. Blocks of one size are ordered and do not overlap, so a lookup needs two searches per size
 * in use. One link at a time is stored in a field instead, so an object that is mapped only once needs no map.
 */
final class ReverseMap {
    private static final int SIZES = 64;

    /** The pause in nanoseconds between two attempts to end a lookup when memory is exhausted. */
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
     * One linked VMA, which can unlink itself. Once the link is in the map, no operation on it fails for lack of
     * memory.
     */
    final class Link implements FileLink {
        final VmArea vma;
        final PageTable table;

        /**
         * Set before the link is in the map; null for the sole link.
         *
         * <p>Words: {@code key}, {@code isLeft}, {@code nextLeft}.
         * Written: {@code key} by the thread that links the VMA, before the link is in the map; the other words by a
         *     thread whose removal of the link failed, before it adds the link to {@code left} (plain).
         * Read: a thread that unlinks the VMA, or removes the links of {@code left} (plain).
         * Invariant: {@code key} is null only for the link in {@code sole}.
         */
        private @Nullable Key key;

        /**
         * Whether the pages of the mapping that the VMA replaces were removed from the VMA's range. Before that, no
         * page in the range belongs to the VMA: its faults wait, and pages that are moved there are installed later.
         *
         * <p>Written: the thread that links the VMA (volatile, before the link is in the map); the operation that
         *     removed the pages of other mappings from the VMA's range (volatile).
         * Read: a thread that removes private pages, holding the leaf's lock (volatile).
         * Invariant: while false, no private page in the VMA's range belongs to its mapping; never reset.
         */
        volatile boolean isEntered;

        /**
         * Whether the link was unlinked. From then on, pages in the VMA's range may belong to another mapping. Before
         * that, if the link is entered, the pages seen under the lock of a leaf belong to this VMA, or to another VMA
         * of its mapping. No page of another mapping is installed before the operation that removes the VMA is
         * complete, which is after the unlinking.
         *
         * <p>Written: the thread that unlinks the VMA, before the operation that retires the VMA is complete
         *     (volatile).
         * Read: a thread that removes private pages, holding the leaf's lock; an eviction, before it acquires that lock
         *     and while it holds it; a thread that counts the mappings of a page, without the lock (volatile).
         * Invariant: while it is false and {@code isEntered} is true, private pages in the VMA's range belong to its
         *     mapping.
         */
        volatile boolean isUnlinked;

        /* Used by the thread whose removal of this link failed, and then by a thread that takes all such links. */

        /** Whether a removal failed, perhaps after the link was already removed from the map. */
        private boolean isLeft;

        private @Nullable Link nextLeft;

        private Link(VmArea vma, PageTable table, boolean isEntered) {
            this.vma = vma;
            this.table = table;
            this.isEntered = isEntered;
        }

        @Override
        public void enter() {
            // Set after the last page of other mappings was removed. Each was removed by a read-modify-write of its
            // entry. So a thread that read such an entry before, and then reads this as true, fails to change the
            // entry.
            isEntered = true;
        }

        @Override
        public void unlink() {
            ReverseMap.this.unlink(this);
            unlinked.accept(vma);
        }
    }

    /** The number of lookups under way, and the links that were unlinked since the first of these lookups started. */
    private record Lookups(int count, @Nullable Unlinked unlinked) {}

    private record Unlinked(Link link, @Nullable Unlinked next) {}

    private static final VarHandle SOLE = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "sole", VarHandle.class, ReverseMap.class, Link.class);
    private static final VarHandle LINKS = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "links", VarHandle.class, ReverseMap.class, ConcurrentSkipListMap.class);
    private static final VarHandle LOOKUPS = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "lookups", VarHandle.class, ReverseMap.class, Lookups.class);
    private static final VarHandle LEFT = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "left", VarHandle.class, ReverseMap.class, Link.class);
    private static final VarHandle NUMBERS = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "numbers", VarHandle.class, ReverseMap.class, long.class);

    /**
     * A link that is not stored in the map, because most objects of shared memory have only one link. Null if there is
     * none.
     *
     * <p>Written: a thread that links a VMA, from null; a thread that unlinks that VMA, to null (compare-and-set).
     * Read: a thread that links a VMA; a thread that removes pages (volatile).
     * Invariant: together with {@code links}, see there. A link never moves between the two, so a lookup that reads one
     *     after the other misses no link.
     */
    private volatile @Nullable Link sole;

    /**
     * The links other than {@link #sole}; null before the first of them.
     *
     * <p>Written: the first thread that links a VMA while {@code sole} is taken (compare-and-set); its map: a thread
     *     that links or unlinks a VMA (concurrent map).
     * Read: a thread that removes pages; a thread that links or unlinks a VMA (volatile, concurrent map).
     * Invariant: every VMA through which a page may be mapped, except for the VMA of {@code sole}: linked before
     *     publication, unlinked after its pages are retired.
     */
    private volatile @Nullable ConcurrentSkipListMap<Key, Link> links;

    /**
     * Null while no lookup is under way.
     *
     * <p>Written: a lookup, at its start and its end (compare-and-set); a thread that unlinks during a lookup
     *     (compare-and-set).
     * Read: a lookup; a thread that unlinks (volatile).
     * Invariant: during a lookup no link is removed from {@code sole} or {@code links}, and a lookup waits for no
     *     thread. A later lookup finds the successor of a removed link.
     */
    private volatile @Nullable Lookups lookups;

    /**
     * The unlinked links whose removal failed for lack of memory, linked by their own fields.
     *
     * <p>Written: a thread that had no memory to remove a link (compare-and-set); a thread that later unlinks another
     *     VMA, and takes all links (get-and-set).
     * Read: a thread that unlinks a VMA (volatile).
     * Pairs: the fields of a link in this list are stored before the compare-and-set, and read after the get-and-set.
     * Invariant: unlinked links that may still be in the map.
     */
    private volatile @Nullable Link left;

    /**
     * Written: a thread that links a VMA (get-and-add).
     * Read: a thread that links a VMA (get-and-add).
     * Invariant: distinguishes the keys of links that are stored at the same block.
     */
    @SuppressWarnings("UnusedVariable") // by NUMBERS
    private volatile long numbers;

    private final Consumer<VmArea> unlinked;

    /**
     * Creates a map without VMAs.
     *
     * @param unlinked is called after each unlinking; must neither wait nor throw
     */
    ReverseMap(Consumer<VmArea> unlinked) {
        this.unlinked = unlinked;
    }

    /**
     * Links a VMA.
     *
     * @param isEntered whether the VMA's range contains no page of another mapping
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
            // Memory may run out after the link was added to the map.
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
     * Unlinks a VMA. If a successor has taken over its pages, the successor was already linked. Does not fail for lack
     * of memory: in that case the link stays in the map until a later call has memory, and a lookup that finds the link
     * finds no page of its VMA.
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

    /** Removes the links whose removal failed before. */
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
                // A lookup that starts from now on finds all links that were added before this call.
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

    /** Ends a lookup; retries until there is memory for it. A lookup that never ended would keep all links for ever. */
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
        return vma.pageOffset() + (vma.length() >>> table.pageShift) - 1;
    }

    private static long block(long page, int shift) {
        return shift == SIZES ? 0 : page >>> shift;
    }

    /**
     * Visits the VMAs that map a page from {@code first} to {@code last}, inclusive. Visits each VMA that was linked
     * before the call and is not unlinked before the call returns. If a VMA is unlinked during the call, this visits
     * the VMA or its successor, which was linked before the unlinking.
     *
     * @param visitor must not wait, because unlinked links stay in the map in the meantime
     */
    void visit(long first, long last, Consumer<Link> visitor) {
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

    private static void visit(Link link, long first, long last, Consumer<Link> visitor) {
        if (Addresses.isAtMost(link.vma.pageOffset(), last)
                && Addresses.isAtMost(first, lastPage(link.vma, link.table))) {
            visitor.accept(link);
        }
    }

    private static void visit(ConcurrentSkipListMap<Key, Link> map, long first, long last, Consumer<Link> visitor) {
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
                // No link with a size between shift and next.shift has a block at these pages.
                shift = next.shift;
            }
        }
    }

    boolean isEmpty() {
        ConcurrentSkipListMap<Key, Link> map = links;
        return sole == null && (map == null || map.isEmpty());
    }

    /** Returns the number of links, including unlinked ones that stay until the end of a lookup. */
    int size() {
        ConcurrentSkipListMap<Key, Link> map = links;
        return (sole == null ? 0 : 1) + (map == null ? 0 : map.size());
    }
}
