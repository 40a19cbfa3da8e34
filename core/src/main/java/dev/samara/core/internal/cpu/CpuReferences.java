// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.ref.WeakReference;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Weak references to CPUs, in the order of their addition. Not thread-safe.
 *
 * <p>A thread that enters a space usually adds the reference that it removed last. So a removal leaves the reference in
 * its element, and the next addition compares it first. A store of a reference takes longer than the comparison: with
 * the G1 collector, a store into an old object may include a fence.
 *
 * @param <T> the kind of the CPUs
 */
final class CpuReferences<T> {
    /** Elements from {@code size} on are left over, or null. */
    private @Nullable WeakReference<T>[] elements = array();

    private int size;

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
    private static <T> @Nullable WeakReference<T>[] array() {
        return new WeakReference[2];
    }

    int size() {
        return size;
    }

    /** Returns the CPU at an index below the size; null if it is no longer reachable. */
    @Nullable
    T get(int index) {
        WeakReference<T> element = elements[index];
        return element == null ? null : element.get();
    }

    /** Adds a reference at the end. Allocates only if there were never as many references before. */
    void add(WeakReference<T> one) {
        if (size == elements.length) {
            elements = Arrays.copyOf(elements, 2 * size);
        }
        if (elements[size] != one) {
            elements[size] = one;
        }
        size++;
    }

    /**
     * Removes one CPU, and all CPUs that are no longer reachable. Allocates nothing.
     *
     * @param one null to remove only the latter
     */
    void remove(@Nullable T one) {
        for (int i = size - 1; i >= 0; i--) {
            T cpu = get(i);
            if (cpu == null || cpu == one) {
                size--;
                for (int j = i; j < size; j++) {
                    elements[j] = elements[j + 1];
                }
            }
        }
    }
}
