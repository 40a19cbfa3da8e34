// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.vma.Geometry;
import dev.samara.examples.KeyValueStore;
import java.io.IOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.LongDataType;
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

    /**
     * The H2 database's store, with its default settings except for the cache size; commits on a timer are disabled.
     */
    static final class H2Store implements ComparedStore {
        private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

        private final MVStore store;
        private final MVMap<Long, byte[]> map;

        H2Store(Path file, long limit) {
            store = new MVStore.Builder()
                    .fileName(file.toString())
                    .cacheSize((int) (limit >> 20))
                    .autoCommitDisabled()
                    .open();
            map = store.openMap(
                    "records",
                    new MVMap.Builder<Long, byte[]>()
                            .keyType(LongDataType.INSTANCE)
                            .valueType(ByteArrayDataType.INSTANCE));
        }

        @Override
        public byte @Nullable [] get(long key) {
            return map.get(key);
        }

        @Override
        public void put(long key, byte[] value) {
            map.put(key, value);
        }

        @Override
        public void checkpoint() {
            store.commit();
            store.sync();
        }

        @Override
        public long scan() {
            long sum = 0;
            Cursor<Long, byte[]> cursor = map.cursor(null);
            while (cursor.hasNext()) {
                cursor.next();
                sum += (long) LONG.get(cursor.getValue(), 0);
            }
            return sum;
        }

        @Override
        public void close() {
            store.closeImmediately();
        }
    }

    /** The store of the examples, with a limit on the pages in memory. */
    static final class SamaraStore implements ComparedStore {
        private final Machine machine;
        private final KeyValueStore store;

        SamaraStore(Path file, long limit) throws IOException {
            machine = Machine.builder()
                    .memory(limit + limit / 2)
                    .cacheLimit(limit)
                    .build();
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
}
