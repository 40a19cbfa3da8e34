// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A store of one file, used by one thread. */
interface ComparedStore extends AutoCloseable {
    /** Returns a copy of a value; null if there is none. */
    byte @Nullable [] get(long key);

    void put(long key, byte[] value) throws IOException;

    /** Returns when all changes are on the device. */
    void checkpoint() throws IOException;

    /** Reads all records in order; returns the sum of the first eight bytes of the values. */
    long scan();

    @Override
    void close();
}
