// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.event.Report;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A key-value store")
final class KeyValueStoreTest {
    private static final byte[] ONE = "one".getBytes(US_ASCII);
    private static final byte[] TWO = "two".getBytes(US_ASCII);
    private static final int RECORDS = 60_000;

    /** The number of records in a full leaf. */
    private static final int SLOTS = 31;

    /** The maximum number of pages by which a file is larger than its tree. */
    private static final int ROOM = 1100;

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
        // Without this, the file would contain 7,000 pages: 1,000 records, at most 31 of them per page, 200 times.
        assertTrue(Files.size(path) < 2_000L << 12, () -> "bytes: " + size());
    }

    /** Compares a store with a model, also after it was opened again, and returns the pages of its file. */
    private long pages(NavigableMap<Long, byte[]> model, KeyValueStore store) throws IOException {
        StoreFixture.assertContents(model, store);
        store.checkpoint();
        store.close();
        // A background write may still use the file, which stays locked until then.
        machine.close();
        inMachine(opener -> {
            try (KeyValueStore again = StoreFixture.open(opener, path)) {
                StoreFixture.assertContents(model, again);
            }
        });
        return size() >> 12;
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("fills its pages with ascending keys, though the last one is put again or removed at times")
    void ascending(long seed) throws IOException {
        Random random = new Random(Long.getLong("samara.seed", 0) + seed);
        NavigableMap<Long, byte[]> model = new TreeMap<>();
        KeyValueStore store = StoreFixture.open(machine, path);
        long key = Long.MIN_VALUE;
        for (int step = 0; step < RECORDS; step++) {
            int choice = random.nextInt(40);
            key += choice < 3 ? 0 : 1 + random.nextInt(3);
            byte[] value = new byte[choice == 0 ? 0 : 1 + random.nextInt(KeyValueStore.MAX_VALUE)];
            random.nextBytes(value);
            StoreFixture.put(store, key, value);
            StoreFixture.put(model, key, value);
            if (choice == 1) {
                store.put(key + 1, null);
            } else if (step % 10_000 == 0) {
                store.checkpoint();
            }
        }
        int least = model.size() / SLOTS;
        long pages = pages(model, store);
        assertTrue(pages > least && pages < least * 11 / 10 + ROOM, () -> "pages: " + pages + " for " + least);
    }

    @ParameterizedTest(name = "seed {0}, descending {1}")
    @CsvSource({"1, false", "2, false", "3, true"})
    @DisplayName("fills the next page before it splits one for keys in another order")
    void scattered(long seed, boolean isDescending) throws IOException {
        Random random = new Random(Long.getLong("samara.seed", 0) + seed);
        List<Long> keys = new ArrayList<>(LongStream.range(0, RECORDS).boxed().toList());
        Collections.shuffle(keys, random);
        if (isDescending) {
            keys.sort(Collections.reverseOrder());
        }
        NavigableMap<Long, byte[]> model = new TreeMap<>();
        KeyValueStore store = StoreFixture.open(machine, path);
        for (long key : keys) {
            byte[] value = new byte[KeyValueStore.MAX_VALUE];
            store.put(key, value);
            model.put(key, value);
        }
        int least = RECORDS / SLOTS;
        long pages = pages(model, store);
        // Splits alone fill the pages of random keys to 69 % on average, and those of descending keys to 50 %.
        int most = least * 13 / 10;
        assertTrue(pages < most + ROOM, () -> "pages: " + pages + " for " + least);
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2})
    @DisplayName("needs pages for the values it has, also if they become much longer")
    void lengthens(long seed) throws IOException {
        Random random = new Random(Long.getLong("samara.seed", 0) + seed);
        NavigableMap<Long, byte[]> model = new TreeMap<>();
        KeyValueStore store = StoreFixture.open(machine, path);
        for (long key = 0; key < RECORDS; key++) {
            store.put(key, new byte[0]);
            model.put(key, new byte[0]);
        }
        store.checkpoint();
        // 408 records of 10 bytes fit into a leaf.
        assertTrue(size() >> 12 < RECORDS / 408 + ROOM, () -> "bytes: " + size());
        for (int i = 0; i < RECORDS / 100; i++) {
            long key = random.nextInt(RECORDS);
            byte[] value = new byte[random.nextInt(4) == 0 ? KeyValueStore.MAX_VALUE : random.nextInt(10)];
            random.nextBytes(value);
            store.put(key, value);
            model.put(key, value);
        }
        pages(model, store);
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

    /** The use of a machine. */
    private interface Use {
        void accept(Machine machine) throws IOException;
    }

    /** Runs code with a separate machine; after the machine's end, nothing uses the file any more. */
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

    @ParameterizedTest
    @ValueSource(ints = {0, 512, 4096, 8192, 12288, 1 << 20})
    @DisplayName("is new again after a crash before its first header was complete")
    void torn(int size) throws IOException {
        ByteBuffer device = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        for (int words = 0; words < (size == 0 ? 1 : 3); words++) {
            Files.write(path, device.array());
            inMachine(opener -> {
                try (KeyValueStore store = StoreFixture.open(opener, path)) {
                    assertEquals(List.of(), keys(store, Long.MIN_VALUE, Long.MAX_VALUE));
                    store.put(1, ONE);
                    store.checkpoint();
                }
            });
            inMachine(opener -> {
                try (KeyValueStore store = StoreFixture.open(opener, path)) {
                    assertArrayEquals(ONE, store.get(1));
                }
            });
            if (size > 0) {
                device.putLong(8 * words, words == 0 ? 2 : 3L << 32 | 2);
            }
        }
    }

    @RepeatedTest(40) // Without the second question of a fault, one in ten fails.
    @DisplayName("waits while the machine takes the memory of a space for it")
    void shortMemory() throws IOException, InterruptedException {
        boolean[] isArmed = {false};
        List<Report.Kind> reports = new CopyOnWriteArrayList<>();
        Machine small = Machine.builder()
                .memory(256 << 12)
                .lowMemory((space, pages) -> isArmed[0] ? 1 : -1)
                .reportTo(report -> reports.add(report.kind()))
                .build();
        AddressSpace filler = small.newSpace(Geometry.LINUX_X86_64);
        try (KeyValueStore store = StoreFixture.open(small, path)) {
            store.put(1, ONE);
            store.checkpoint();
            long at =
                    filler.throwing().mmap(0, 1 << 24, Mman.READ | Mman.WRITE, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            byte[] one = {1};
            long filled = 0;
            while (filled < 1 << 24 && filler.write(at + filled, one, 0, 1) == 1) {
                filled += 1 << 12;
            }
            assertTrue(filled > 0 && filled < 1 << 24, "no frame is free");
            isArmed[0] = true;
            assertArrayEquals(ONE, store.get(1));
            assertEquals(Errno.EFAULT.result(), filler.read(at, one, 0, 1), "its pages were taken");
        }
        filler.close();
        // A lookup continues once some pages were taken; the report is sent after the last one.
        small.awaitQuiescence();
        small.close();
        assertEquals(List.of(Report.Kind.SPACE_REAPED), reports);
    }

    @Test
    @DisplayName("is closed by a checkpoint that fails")
    void failedCheckpoint() throws IOException {
        UnforcedChannel channel = new UnforcedChannel(new byte[0], 12);
        Machine dropping = Machine.builder()
                .memory(1 << 22)
                .dropFailedWrites(true)
                .reportTo(report -> {})
                .build();
        HostFile file = dropping.openFile("store", Geometry.LINUX_X86_64, channel, true);
        KeyValueStore store = new KeyValueStore(dropping, file);
        assertThrows(IOException.class, () -> {
            for (long key = 0; ; key++) {
                store.put(key, ONE);
                store.checkpoint();
            }
        });
        assertTrue(channel.hasFailed());
        assertThrows(ClosedChannelException.class, store::checkpoint);
        assertThrows(IllegalStateException.class, () -> store.get(0));
        dropping.close();
    }

    @Test
    @DisplayName("has at most 350 lines that are neither empty nor comments")
    void isSmall() throws IOException {
        Path source =
                Path.of(System.getProperty("basedir", ""), "src/main/java/dev/samara/examples", "KeyValueStore.java");
        long lines = Files.readAllLines(source).stream()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.startsWith("*") && !line.startsWith("/"))
                .count();
        assertTrue(lines <= 350, () -> lines + " lines");
    }
}
