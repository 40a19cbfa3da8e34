// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A key-value store")
final class KeyValueStoreTest {
    private static final byte[] ONE = "one".getBytes(US_ASCII);
    private static final byte[] TWO = "two".getBytes(US_ASCII);

    @TempDir
    Path folder;

    private final Machine machine = StoreFixture.newMachine();
    private Path path = Path.of("");

    @BeforeEach
    void name() {
        path = folder.resolve("store");
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private static List<Long> keys(KeyValueStore store, long first, long last) {
        List<Long> keys = new ArrayList<>();
        store.forEach(first, last, (value, key) -> keys.add(key));
        return keys;
    }

    @Test
    @DisplayName("has what was put, in the order of signed keys, and nothing that was removed")
    void puts() throws IOException {
        try (KeyValueStore store = StoreFixture.open(machine, path)) {
            for (long key : new long[] {5, Long.MAX_VALUE, -3, Long.MIN_VALUE, 0}) {
                store.put(key, ONE);
            }
            store.put(-3, TWO);
            store.put(0, new byte[0]);
            store.put(5, null);
            store.put(6, null);
            assertEquals(List.of(Long.MIN_VALUE, -3L, 0L, Long.MAX_VALUE), keys(store, Long.MIN_VALUE, Long.MAX_VALUE));
            assertEquals(List.of(-3L, 0L), keys(store, -3, 0));
            assertEquals(List.of(), keys(store, 1, Long.MAX_VALUE - 1));
            assertArrayEquals(TWO, store.get(-3));
            assertArrayEquals(new byte[0], store.get(0));
            assertNull(store.get(5));
        }
    }

    @Test
    @DisplayName("forgets at its close what was put after the last checkpoint, of an empty one too")
    void forgets() throws IOException {
        inMachine(opener -> {
            try (KeyValueStore store = StoreFixture.open(opener, path)) {
                store.put(1, ONE);
            }
        });
        inMachine(opener -> {
            try (KeyValueStore store = StoreFixture.open(opener, path)) {
                assertNull(store.get(1));
                store.put(1, TWO);
                store.checkpoint();
                store.put(1, ONE);
                store.put(2, ONE);
            }
        });
        inMachine(opener -> {
            try (KeyValueStore store = StoreFixture.open(opener, path)) {
                assertArrayEquals(TWO, store.get(1));
                assertNull(store.get(2));
            }
        });
    }

    @Test
    @DisplayName("uses the pages again that no checkpoint reaches")
    void reuses() throws IOException {
        try (KeyValueStore store = StoreFixture.open(machine, path)) {
            for (int round = 0; round < 200; round++) {
                for (long key = 0; key < 1_000; key++) {
                    store.put(key, new byte[KeyValueStore.MAX_VALUE]);
                }
                store.checkpoint();
            }
        }
        // Without that, 7,000 pages: of 1,000 records, at most 31 in each, 200 times.
        assertTrue(Files.size(path) < 2_000L << 12, () -> "bytes: " + size());
    }

    private long size() {
        try {
            return Files.size(path);
        } catch (IOException failed) {
            throw new java.io.UncheckedIOException(failed);
        }
    }

    @Test
    @DisplayName("opens with the older checkpoint if the newer header is damaged, and not at all if both are")
    void damaged() throws IOException {
        inMachine(opener -> {
            try (KeyValueStore store = StoreFixture.open(opener, path)) {
                store.put(1, ONE);
                store.checkpoint();
                store.put(1, TWO);
                store.checkpoint();
            }
        });
        damage(0);
        inMachine(opener -> {
            try (KeyValueStore store = StoreFixture.open(opener, path)) {
                assertArrayEquals(ONE, store.get(1));
            }
        });
        damage(4096);
        inMachine(opener -> {
            IOException refused = assertThrows(IOException.class, () -> StoreFixture.open(opener, path));
            assertTrue(String.valueOf(refused.getMessage()).contains("damaged"), refused::toString);
        });
    }

    /** What is done with a machine. */
    private interface Use {
        void accept(Machine machine) throws IOException;
    }

    /** Uses a machine of its own, whose end is the end of each use of the file. */
    private static void inMachine(Use use) throws IOException {
        Machine machine = StoreFixture.newMachine();
        try {
            use.accept(machine);
        } finally {
            machine.close();
        }
    }

    private void damage(long header) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {77}), header + 8);
        }
    }

    @Test
    @DisplayName("refuses a value that is too long, and a visitor that uses it, and can be used after that")
    void refuses() throws IOException {
        try (KeyValueStore store = StoreFixture.open(machine, path)) {
            store.put(1, ONE);
            byte[] tooLong = new byte[KeyValueStore.MAX_VALUE + 1];
            assertThrows(IllegalArgumentException.class, () -> store.put(1, tooLong));
            assertThrows(IllegalStateException.class, () -> store.forEach(0, 1, (value, key) -> store.get(key)));
            assertArrayEquals(ONE, store.get(1));
        }
    }

    @Test
    @DisplayName("has at most 300 lines")
    void isSmall() throws IOException {
        Path source =
                Path.of(System.getProperty("basedir", ""), "src/main/java/dev/samara/examples", "KeyValueStore.java");
        assertTrue(Files.readAllLines(source).size() <= 300);
    }
}
