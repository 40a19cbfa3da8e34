// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import java.util.AbstractList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.RandomAccess;
import org.jspecify.annotations.Nullable;

/**
 * The merges that one operation's completion tries, at most one per address and batch of the operation. If a batch adds
 * two merges at one address, the later one replaces the earlier one, unless the earlier one is that of a seam. Guarded
 * by the layout lock.
 *
 * <p>The list manages its array itself, so a range in flight needs only one list object for its merges.
 */
final class PendingJoins extends AbstractList<PendingJoin> implements RandomAccess {
    /** Up to this many joins of a batch are searched linearly. */
    private static final int FEW = 8;

    private static final int NOT_KNOWN = -1;

    private @Nullable PendingJoin[] joins = new @Nullable PendingJoin[2];
    private int size;

    /** The number of joins of published batches. The joins from this index on belong to the unpublished batch. */
    private int sealed;

    /** The indexes of this batch's joins by address; null as long as there are few. */
    private @Nullable Map<Long, Integer> indexes;

    @Override
    public PendingJoin get(int index) {
        return Objects.requireNonNull(joins[Objects.checkIndex(index, size)]);
    }

    @Override
    public int size() {
        return size;
    }

    /** Adds a join. If the batch already has a join at its address, replaces that one, unless it is a seam. */
    void put(PendingJoin join) {
        int at = indexOf(join.address());
        if (at >= 0) {
            if (!get(at).isSeam()) {
                joins[at] = join;
            }
            return;
        }
        if (size == joins.length) {
            joins = Arrays.copyOf(joins, 2 * size);
        }
        joins[size++] = join;
        if (indexes != null) {
            indexes.put(join.address(), size - 1);
        }
    }

    /**
     * Returns the index of the join at an address, or {@link #NOT_KNOWN}. Earlier batches are not searched, because a
     * join that is tried twice has no effect the second time.
     */
    private int indexOf(long address) {
        Map<Long, Integer> known = indexes;
        if (known == null && size - sealed > FEW) {
            known = new HashMap<>();
            for (int i = sealed; i < size; i++) {
                known.put(get(i).address(), i);
            }
            indexes = known;
        }
        if (known != null) {
            return known.getOrDefault(address, NOT_KNOWN);
        }
        for (int i = sealed; i < size; i++) {
            if (get(i).address() == address) {
                return i;
            }
        }
        return NOT_KNOWN;
    }

    /** Starts a batch; {@link #unseal} removes everything that is added afterwards. */
    void seal() {
        sealed = size;
        indexes = null;
    }

    /** Removes what the unpublished batch added. Allocates nothing. */
    void unseal() {
        truncate(sealed);
    }

    /** Removes the last joins, which were tried before the completion. */
    void removeLast(int count) {
        truncate(size - count);
        sealed = Math.min(sealed, size);
    }

    private void truncate(int newSize) {
        while (size > newSize) {
            joins[--size] = null;
        }
        indexes = null;
    }
}
