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
 * <p>Each call and each lookup finds its part here, without reading any other part. The fields of a {@link District}
 * share cache lines with words that its operations write, so reading them would miss the cache each time.
 *
 * <p>A reader of several parts takes no lock. It reads the {@linkplain MapleTree#version version} of each tree, and
 * checks afterwards that no version has changed. If no version has, all trees had these versions at one instant in
 * between, because all parts die at the same instant and a version never recurs. Otherwise the reader retries. Each
 * retry means that an operation succeeded, but a reader that runs concurrently with many busy threads could retry for a
 * long time. After some retries it therefore {@linkplain #isJoinAsked requests} that the parts be joined, and the next
 * operation to start joins them. Their trees then no longer change, so the reader finishes after at most one more retry
 * per publication that was in progress.
 */
final class LayoutParts {
    /** The maximum number of parts of a layout. */
    static final int MOST = 16;

    /** What the tree of a part contains outside the part, in place of the mappings of other parts. */
    static final Object OUTSIDE = new Object() {
        @Override
        public String toString() {
            return "another part of the layout";
        }
    };

    /** The number of failed attempts after which a reader requests a join. */
    private static final int TRIES = 64;

    /** The result of a search during which a tree changed. */
    private static final Object CHANGED = new Object();

    private final long[] starts;
    private final District[] districts;
    private final MapleTree<VmArea>[] trees;

    /**
     * Set by readers that fail repeatedly. Written only once, because each operation reads this word.
     *
     * <p>Written: a reader of several parts that failed many times (volatile), once for each division.
     * Read: each operation that looks for its part (volatile).
     * Invariant: final once true. An operation that reads true joins the parts. No reader waits for the join, which
     *     only ends the failures of readers.
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

    /** Returns the number of the part that contains an address. */
    int indexOf(long address) {
        int i = starts.length - 1;
        while (i > 0 && Addresses.isBelow(address, starts[i])) {
            i--;
        }
        return i;
    }

    /** Returns whether one part contains a whole range; for an empty range, its address. */
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
     * Returns one border for each chosen part: its border with the part below, or for the lowest part with the part
     * above. Without that border, the two parts are one.
     *
     * @param chosen one bit for each chosen part
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

    /** Returns the VMA that covers an address, or else the next one above it; null if there is none. */
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

    /** Returns the VMA that covers an address, or else the next one below it; null if there is none. */
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
     * Searches a part, and then the parts above it. All versions are read before the last search ends and compared
     * after it, so the result belongs to one instant. The versions are kept in stack frames, so a lookup does not
     * allocate.
     *
     * @return the first VMA at or above the address, null if there is none, or {@link #CHANGED}
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
     * Returns the layout of one instant. Reads all trees repeatedly, until a pass finds that no tree has changed since
     * the pass before it.
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

    /** Reads all trees once more. Returns whether no tree has changed since the previous pass. */
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

    /**
     * Called when an attempt of a reader has failed because a tree has changed. Requests a join after {@link #TRIES}
     * attempts.
     */
    private void hasFailed(int tries) {
        if (tries == TRIES) {
            askForJoin();
        }
    }

    /** Requests that the next operation join the parts. */
    void askForJoin() {
        isJoinAsked = true;
    }

    /** Returns whether the next operation should join the parts for a reader. */
    boolean isJoinAsked() {
        return isJoinAsked;
    }

    /** Returns whether the calling thread holds the lock of a part. */
    boolean isLockedByThisThread() {
        for (District part : districts) {
            if (part.isLockedByThisThread()) {
                return true;
            }
        }
        return false;
    }
}
