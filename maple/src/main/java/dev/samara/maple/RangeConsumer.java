// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * An action on an entry, which it receives as three arguments, so that no object is allocated per entry.
 *
 * @param <V> the type of values
 */
@FunctionalInterface
public interface RangeConsumer<V> {

    /**
     * Receives one entry. An exception ends the walk and propagates to its caller.
     *
     * @param first the lowest index of the entry, unsigned
     * @param last the highest index of the entry, inclusive, unsigned
     * @param value the value of every index in that range
     */
    void accept(long first, long last, V value);
}
