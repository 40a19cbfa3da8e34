// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.samara.core.Machine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("comparison")
@DisplayName("The key-value store is a TreeMap, which a new open takes back to the last checkpoint")
final class KeyValueStoreModelTest {
    private static final int STEPS = Boolean.getBoolean("samara.torture") ? 400_000 : 12_000;

    @TempDir
    Path folder;

    private final NavigableMap<Long, byte[]> now = new TreeMap<>();
    private final NavigableMap<Long, byte[]> saved = new TreeMap<>();

    /** Returns a key. Most keys are close to each other, so that they occur again; some are at the ends. */
    private static long key(Random random) {
        return switch (random.nextInt(40)) {
            case 0 -> Long.MIN_VALUE + random.nextInt(2);
            case 1 -> Long.MAX_VALUE - random.nextInt(2);
            case 2 -> random.nextLong();
            default -> random.nextInt(6_000) - 3_000;
        };
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("with random puts, removals, scans, checkpoints and opens, in a file larger than its memory")
    void random(long seed) throws IOException {
        Random random = new Random(Long.getLong("samara.seed", 0) + seed);
        Path path = folder.resolve("store");
        Machine machine = StoreFixture.newMachine();
        try {
            KeyValueStore store = StoreFixture.open(machine, path);
            for (int step = 0; step < STEPS; step++) {
                long key = key(random);
                // Alternates between phases, so that the tree grows large and becomes empty.
                boolean grows = step / 2_000 % 3 != 2;
                int choice = random.nextInt(1_000);
                if (choice == 0) {
                    store.close();
                    // A background write may still use the file, which stays locked until then.
                    machine.close();
                    machine = StoreFixture.newMachine();
                    store = StoreFixture.open(machine, path);
                    now.clear();
                    now.putAll(saved);
                    StoreFixture.assertContents(now, store);
                } else if (choice < 5) {
                    store.checkpoint();
                    saved.clear();
                    saved.putAll(now);
                } else if (choice < 20) {
                    long end = key(random);
                    StoreFixture.assertRange(now, store, Math.min(key, end), Math.max(key, end));
                } else if (choice < 200) {
                    assertArrayEquals(now.get(key), store.get(key), () -> "key " + key);
                } else if (choice < (grows ? 300 : 900)) {
                    store.put(key, null);
                    now.remove(key);
                } else {
                    byte[] value = new byte[random.nextInt(KeyValueStore.MAX_VALUE + 1)];
                    random.nextBytes(value);
                    store.put(key, value);
                    now.put(key, value);
                }
            }
            StoreFixture.assertContents(now, store);
            store.close();
        } finally {
            machine.close();
        }
    }
}
