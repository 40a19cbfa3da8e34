// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A store in one file, used by one thread. */
interface ComparedStore extends AutoCloseable {
    /** Returns the value of a key, or null if the key is absent. */
    byte @Nullable [] get(long key);

    void put(long key, byte[] value) throws IOException;

    /** Returns once all changes are on the device. */
    void checkpoint() throws IOException;

    /** Reads all records in order, and returns the sum of the values' first eight bytes. */
    long scan();

    @Override
    void close();
}
