// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.store;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.h2.mvstore.Cursor;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;
import org.h2.mvstore.type.ByteArrayDataType;
import org.h2.mvstore.type.LongDataType;
import org.jspecify.annotations.Nullable;

/** The H2 database's store, with its default settings except for the cache size; commits on a timer are disabled. */
final class H2Store implements ComparedStore {
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
                new MVMap.Builder<Long, byte[]>().keyType(LongDataType.INSTANCE).valueType(ByteArrayDataType.INSTANCE));
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
