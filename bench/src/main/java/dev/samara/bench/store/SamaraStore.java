// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.vma.Geometry;
import dev.samara.examples.KeyValueStore;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/** The store of the examples, with a limit on the pages in memory. */
final class SamaraStore implements ComparedStore {
    private final Machine machine;
    private final KeyValueStore store;

    SamaraStore(Path file, long limit) throws IOException {
        machine = Machine.builder().memory(limit + limit / 2).cacheLimit(limit).build();
        store = new KeyValueStore(
                machine,
                machine.openFile(
                        file,
                        Geometry.LINUX_X86_64,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.CREATE,
                        HostFileOption.EXLOCK));
    }

    @Override
    public byte @Nullable [] get(long key) {
        return store.get(key);
    }

    @Override
    public void put(long key, byte[] value) throws IOException {
        store.put(key, value);
    }

    @Override
    public void checkpoint() throws IOException {
        store.checkpoint();
    }

    @Override
    public long scan() {
        long[] sum = {0};
        store.forEach(Long.MIN_VALUE, Long.MAX_VALUE, (value, key) -> sum[0] += value.getLong(0));
        return sum[0];
    }

    @Override
    public void close() {
        store.close();
        machine.close();
    }
}
