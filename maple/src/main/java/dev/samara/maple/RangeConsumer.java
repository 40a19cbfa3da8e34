// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

/**
 * Takes an entry as three arguments, so that none need be made for it.
 *
 * @param <V> the type of values
 */
@FunctionalInterface
public interface RangeConsumer<V> {

    /**
     * Takes one entry. What this throws is passed on to the caller of the walk and ends it.
     *
     * @param first the lowest index of the entry, unsigned
     * @param last the highest index of the entry, inclusive, unsigned
     * @param value the value of every index in that range
     */
    void accept(long first, long last, V value);
}
