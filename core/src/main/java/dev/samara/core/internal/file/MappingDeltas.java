// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.SharedObject;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The deltas that one edit adds to the VMA counts of shared objects, in the order in which they were added. A delta is
 * applied when it is settled, and can be reverted after that. Only {@link #add} and {@link #decreases} allocate,
 * because deltas are also settled after publication. Used by one thread at a time.
 *
 * <p>An object may have several deltas, and the memory owed for it is their sum. So a call that affects many objects
 * adds each delta without a search.
 */
public final class MappingDeltas {
    /**
     * The traits of the objects. They are read only when a delta is settled, because with many objects each of these
     * reads misses the CPU caches.
     */
    private @Nullable BackingTraits[] objects = new @Nullable BackingTraits[2];

    private int[] deltas = new int[2];
    private int size;

    /** The number of settled deltas, which are the first ones. */
    private int settled;

    /**
     * Adds to the unsettled delta of an object.
     *
     * @param object the traits of a {@link SharedObject}
     */
    @SuppressWarnings("ReferenceEquality") // other traits of the object are another entry
    public void add(BackingTraits object, int by) {
        int last = size - 1;
        if (last >= settled && objects[last] == object) {
            // The delta of a VMA's replacement is usually added directly after the delta of the VMA. Their sum is then
            // 0, so nothing is applied.
            deltas[last] += by;
            return;
        }
        if (size == objects.length) {
            @Nullable BackingTraits[] more = Arrays.copyOf(objects, 2 * size);
            deltas = Arrays.copyOf(deltas, 2 * size);
            objects = more;
        }
        objects[size] = object;
        deltas[size++] = by;
    }

    /**
     * Applies the unsettled deltas.
     *
     * @return the bytes that the caller charges, or, if negative, uncharges
     */
    public long settle() {
        long owed = apply(settled, 1);
        settled = size;
        return owed;
    }

    /**
     * Applies the unsettled increases. The decreases are left to the copy that {@link #decreases} returned.
     *
     * @return the bytes that the caller charges
     */
    public long settleIncreases() {
        long owed = increase(settled, 1);
        settled = size;
        return owed;
    }

    /**
     * Reverts the settled deltas.
     *
     * @return the bytes that the caller charges, or, if negative, uncharges
     */
    public long revert() {
        size = settled;
        long owed = apply(0, -1);
        settled = 0;
        size = 0;
        return owed;
    }

    /**
     * Applies the deltas from {@code first} on, each multiplied by {@code sign}. The increases are applied first, so
     * that the count of an object that stays mapped does not reach 0.
     */
    private long apply(int first, int sign) {
        long owed = increase(first, sign);
        for (int i = first; i < size; i++) {
            int by = sign * deltas[i];
            if (by < 0) {
                owed += count(i, by);
            }
        }
        return owed;
    }

    private long increase(int first, int sign) {
        long owed = 0;
        for (int i = first; i < size; i++) {
            int by = sign * deltas[i];
            if (by > 0) {
                owed += count(i, by);
            }
        }
        return owed;
    }

    private long count(int index, int by) {
        BackingTraits traits = Objects.requireNonNull(objects[index]);
        return ((SharedObject) traits.backing()).count(by);
    }

    /**
     * Returns a copy of the unsettled decreases of this edit and of the decreases of another edit.
     *
     * @param earlier the decreases of another edit, or null
     * @return the decreases, or null if there are none
     */
    public @Nullable MappingDeltas decreases(@Nullable MappingDeltas earlier) {
        int fewer = 0;
        for (int i = settled; i < size; i++) {
            fewer += deltas[i] < 0 ? 1 : 0;
        }
        if (fewer == 0) {
            return earlier;
        }
        MappingDeltas decreases = new MappingDeltas();
        int before = earlier == null ? 0 : earlier.size;
        decreases.objects = new @Nullable BackingTraits[before + fewer];
        decreases.deltas = new int[before + fewer];
        if (earlier != null) {
            System.arraycopy(earlier.objects, 0, decreases.objects, 0, before);
            System.arraycopy(earlier.deltas, 0, decreases.deltas, 0, before);
        }
        decreases.size = before;
        for (int i = settled; i < size; i++) {
            if (deltas[i] < 0) {
                decreases.objects[decreases.size] = objects[i];
                decreases.deltas[decreases.size++] = deltas[i];
            }
        }
        return decreases;
    }
}
