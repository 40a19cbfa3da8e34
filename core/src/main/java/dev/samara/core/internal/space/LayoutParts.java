// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import org.jspecify.annotations.Nullable;

/**
 * The parts of a divided layout, in the order of addresses. Immutable.
 *
 * <p>Each call and each lookup finds its part here. It reads nothing of another part: the fields of a {@link District}
 * lie beside words that its operations write, and would come from the cache of another processor each time.
 */
final class LayoutParts {
    private final long[] starts;
    private final District[] districts;
    private final MapleTree<VmArea>[] trees;

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

    MapleTree<VmArea> tree(int part) {
        return trees[part];
    }

    /** Returns the layout of one instant; null if one of the trees has changed meanwhile. */
    @Nullable
    Snapshot<VmArea> readTwice() {
        Snapshot<VmArea>[] read = read();
        for (int i = 0; i < trees.length; i++) {
            if (!trees[i].isStill(read[i])) {
                return null;
            }
        }
        return joined(read);
    }

    /** Returns the layout of one instant, with the locks of all parts; null if they are dead. */
    @Nullable
    Snapshot<VmArea> readLocked() {
        int locked = 0;
        try {
            while (locked < districts.length) {
                districts[locked].layoutLock().lock();
                locked++;
            }
            return districts[0].isDead() ? null : joined(read());
        } finally {
            while (locked > 0) {
                districts[--locked].layoutLock().unlock();
            }
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of snapshots of one type
    private Snapshot<VmArea>[] read() {
        Snapshot<VmArea>[] read = new Snapshot[trees.length];
        for (int i = 0; i < trees.length; i++) {
            read[i] = trees[i].snapshot();
        }
        return read;
    }

    private Snapshot<VmArea> joined(Snapshot<VmArea>[] read) {
        Snapshot<VmArea> all = read[0];
        for (int i = 1; i < read.length; i++) {
            all = Snapshot.join(all, starts[i], read[i]);
        }
        return all;
    }
}
