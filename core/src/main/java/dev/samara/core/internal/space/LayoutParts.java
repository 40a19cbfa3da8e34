// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a divided layout, in address order. Immutable except for {@link #isJoinAsked}.
 *
 * <p>Each call and each lookup finds its part here, without reading any other part: the fields of a {@link District}
 * share cache lines with words that its operations write, so reading them would miss the cache each time.
 *
 * <p>A reader of several parts takes no lock. It reads the {@linkplain MapleTree#version version} of each tree, and
 * checks afterwards that no version has changed. If none has, all trees had these versions at one instant in between,
 * because all parts die at the same instant and a version never recurs. Otherwise the reader retries. Each retry means
 * that an operation succeeded, but a reader that runs concurrently with many busy threads could retry for a long time.
 * After some retries it therefore {@linkplain #isJoinAsked requests} that the parts be joined, and the next operation
 * to start joins them. Their trees then no longer change, so the reader finishes after at most one more retry per
 * publication that was in progress.
 */
final class LayoutParts {
    /** The most parts of a layout. */
    static final int MOST = 16;

    /** What a part has in place of the mappings of others. */
    static final Object OUTSIDE = new Object() {
        @Override
        public String toString() {
            return "another part of the layout";
        }
    };

    /** Failures of a reader before it asks for a join. */
    private static final int TRIES = 64;

    /** The result of a search during which a tree has changed. */
    private static final Object CHANGED = new Object();

    private final long[] starts;
    private final District[] districts;
    private final MapleTree<VmArea>[] trees;

    /**
     * Written by readers that fail, once: a word that each operation reads.
     *
     * @written a reader of several parts that has failed many times (volatile), once for each division
     * @read each operation that looks for its part (volatile)
     * @invariant final once true. An operation that reads true joins the parts. No reader waits for that: it only ends
     *     the failures of readers
     */
    private volatile boolean isJoinAsked;

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of trees of one type
    LayoutParts(District[] districts) {
        this.districts = districts;
        starts = new long[districts.length];
        trees = new MapleTree[districts.length];
        for (int i = 0; i < districts.length; i++) {
            starts[i] = districts[i].start();
            trees[i] = districts[i].tree();
        }
    }

    int count() {
        return starts.length;
    }

    /** Returns the number of the part that has an address. */
    int indexOf(long address) {
        int i = starts.length - 1;
        while (i > 0 && Addresses.isBelow(address, starts[i])) {
            i--;
        }
        return i;
    }

    /** Returns whether one part has all of a range; for an empty range, its address. */
    boolean isInOne(long start, long end) {
        int part = indexOf(start);
        return !Addresses.isBelow(end, start)
                && (part == starts.length - 1 || !Addresses.isAbove(end, starts[part + 1]));
    }

    long start(int part) {
        return starts[part];
    }

    District district(int part) {
        return districts[part];
    }

    /** Returns all parts. The caller does not change the array. */
    District[] districts() {
        return districts;
    }

    /** Returns the borders between parts. */
    static long[] borders(District[] parts) {
        long[] borders = new long[parts.length - 1];
        for (int i = 0; i < borders.length; i++) {
            borders[i] = parts[i + 1].start();
        }
        return borders;
    }

    /**
     * Returns one border for each of some parts: that with the part below it, which then has its addresses too.
     *
     * @param chosen a bit for each part
     */
    long[] bordersBelow(int chosen) {
        long[] borders = new long[count()];
        int count = 0;
        for (int i = 0; i < count(); i++) {
            if ((chosen >>> i & 1) != 0) {
                borders[count++] = start(Math.max(i, 1));
            }
        }
        return Arrays.copyOf(borders, count);
    }

    MapleTree<VmArea> tree(int part) {
        return trees[part];
    }

    /** Returns the VMA that covers an address, or else the next one above it; null for none. */
    @Nullable
    VmArea atOrAfter(long address) {
        int part = indexOf(address);
        VmArea found = trees[part].atOrAfter(address);
        if (found != null || part == trees.length - 1) {
            return found;
        }
        for (int tries = 1; ; tries++) {
            Object above = searchUpwards(part, address);
            if (above != CHANGED) {
                return (VmArea) above;
            }
            hasFailed(tries);
        }
    }

    /** Returns the VMA that covers an address, or else the next one below it; null for none. */
    @Nullable
    VmArea atOrBefore(long address) {
        int part = indexOf(address);
        VmArea found = trees[part].atOrBefore(address);
        if (found != null || part == 0) {
            return found;
        }
        for (int tries = 1; ; tries++) {
            Object below = searchDownwards(part, address);
            if (below != CHANGED) {
                return (VmArea) below;
            }
            hasFailed(tries);
        }
    }

    /**
     * Searches a part, and then those above it. All versions are read before the last search ends, and compared after
     * it, so a result is that of one instant. The versions are in the frames of the stack: a lookup does not allocate.
     *
     * @return the first VMA from the address on, null for none, or {@link #CHANGED}
     */
    private @Nullable Object searchUpwards(int part, long address) {
        MapleTree<VmArea> tree = trees[part];
        Object version = tree.version();
        Object found = tree.atOrAfter(address);
        if (found == null && part < trees.length - 1) {
            found = searchUpwards(part + 1, address);
        }
        return tree.isStillVersion(version) ? found : CHANGED;
    }

    /** As {@link #searchUpwards}, in the other direction. */
    private @Nullable Object searchDownwards(int part, long address) {
        MapleTree<VmArea> tree = trees[part];
        Object version = tree.version();
        Object found = tree.atOrBefore(address);
        if (found == null && part > 0) {
            found = searchDownwards(part - 1, address);
        }
        return tree.isStillVersion(version) ? found : CHANGED;
    }

    /**
     * Returns the layout of one instant. Reads all trees again and again, until one reading finds what the one before
     * it has found.
     */
    Snapshot<VmArea> snapshot() {
        Snapshot<VmArea>[] read = read();
        for (int tries = 1; !isStill(read); tries++) {
            hasFailed(tries);
        }
        return Snapshot.joinLater(Arrays.asList(read), starts);
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of snapshots of one type
    private Snapshot<VmArea>[] read() {
        Snapshot<VmArea>[] read = new Snapshot[trees.length];
        for (int i = 0; i < trees.length; i++) {
            read[i] = trees[i].snapshot();
        }
        return read;
    }

    /** Reads all trees once more, and returns whether none has changed since the last reading. */
    private boolean isStill(Snapshot<VmArea>[] read) {
        boolean isStill = true;
        for (int i = 0; i < trees.length; i++) {
            if (!trees[i].isStill(read[i])) {
                read[i] = trees[i].snapshot();
                isStill = false;
            }
        }
        return isStill;
    }

    /** Notes that a reader has found once more that a tree has changed. */
    private void hasFailed(int tries) {
        if (tries == TRIES) {
            askForJoin();
        }
    }

    /** Has the next operation join the parts. */
    void askForJoin() {
        isJoinAsked = true;
    }

    /** Returns whether the next operation should join the parts for a reader. */
    boolean isJoinAsked() {
        return isJoinAsked;
    }

    /** Returns whether the calling thread has the lock of a part. */
    boolean isLockedByThisThread() {
        for (District part : districts) {
            if (part.isLockedByThisThread()) {
                return true;
            }
        }
        return false;
    }
}
