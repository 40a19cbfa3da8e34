// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Threads, each with a store and a model of it, share a machine that has too little memory for the stores, so they wait
 * for each other's evictions and for the host in all calls. Each thread is interrupted before calls, by itself, and at
 * random instants within calls, by another thread. No call may fail or return wrong bytes, and the flag stays set.
 */
@DisplayName("Key-value stores of interrupted threads")
final class KeyValueStoreInterruptTest {
    private static final int STEPS = 15_000;
    private static final int KEYS = 6_000;

    @TempDir
    Path folder;

    /** A thread's store, the contents that it should have, and those of its last checkpoint. */
    private static final class Worker {
        private final Machine machine;
        private final Path path;

        /** The channel of the file; null to open the file by its path. */
        private final @Nullable FileChannel channel;

        private final Random random;
        private final NavigableMap<Long, byte[]> now = new TreeMap<>();
        private final NavigableMap<Long, byte[]> saved = new TreeMap<>();
        private final FutureTask<Integer> task = new FutureTask<>(this::run);
        private final Thread thread;

        /** How many interrupts the other thread has begun, and how many of them have set the flag. */
        private final AtomicInteger begun = new AtomicInteger();

        private final AtomicInteger ended = new AtomicInteger();

        /** The number of the interrupts that had begun when this thread last found its flag set. */
        private volatile int seen;

        Worker(Machine machine, Path path, @Nullable FileChannel channel, long seed) {
            this.machine = machine;
            this.path = path;
            this.channel = channel;
            random = new Random(seed);
            thread = new Thread(task, path.toString());
            thread.setDaemon(true);
        }

        /** Called by the other thread, which waits until its last interrupt was seen. */
        void interrupt() {
            if (seen == begun.get()) {
                begun.incrementAndGet();
                thread.interrupt();
                ended.incrementAndGet();
            }
        }

        private KeyValueStore open() throws IOException {
            return new KeyValueStore(
                    machine,
                    channel != null
                            ? machine.openFile("channel", Geometry.LINUX_X86_64, channel, true)
                            : machine.openFile(
                                    path, Geometry.LINUX_X86_64, StandardOpenOption.WRITE, StandardOpenOption.CREATE));
        }

        /** Returns how many interrupts were seen. */
        private int run() throws IOException {
            int interrupts = 0;
            KeyValueStore store = open();
            for (int step = 0; step < STEPS; step++) {
                boolean isSet = ended.get() > seen;
                if (random.nextInt(3) == 0) {
                    Thread.currentThread().interrupt();
                    isSet = true;
                }
                if (random.nextInt(1_000) == 0) {
                    store.close();
                    store = open();
                    now.clear();
                    now.putAll(saved);
                } else {
                    step(store);
                }
                boolean wasSet = Thread.interrupted();
                assertTrue(wasSet || !isSet, "the flag stays set");
                if (wasSet) {
                    seen = begun.get();
                    interrupts++;
                }
            }
            StoreFixture.assertContents(now, store);
            store.close();
            return interrupts;
        }

        private void step(KeyValueStore store) throws IOException {
            long key = random.nextInt(KEYS);
            int choice = random.nextInt(1_000);
            if (choice < 10) {
                store.checkpoint();
                saved.clear();
                saved.putAll(now);
            } else if (choice < 20) {
                StoreFixture.assertRange(now, store, key, key + random.nextInt(1_000));
            } else if (choice < 500) {
                assertArrayEquals(now.get(key), store.get(key), () -> "key " + key);
            } else {
                byte[] value = new byte[choice < 550 ? 0 : 1 + random.nextInt(KeyValueStore.MAX_VALUE)];
                random.nextBytes(value);
                StoreFixture.put(store, key, value);
                StoreFixture.put(now, key, value);
            }
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2})
    @DisplayName("go on with the right bytes, and the flag stays set")
    void goOn(long seed) throws Exception {
        Random random = new Random(Long.getLong("samara.seed", 0) + seed);
        Machine machine = StoreFixture.newMachine();
        List<Worker> workers = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(
                folder.resolve("channel"),
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            for (int i = 0; i < 3; i++) {
                workers.add(
                        new Worker(machine, folder.resolve("store" + i), i == 0 ? channel : null, random.nextLong()));
            }
            workers.forEach(worker -> worker.thread.start());
            boolean isOver = false;
            while (!isOver) {
                LockSupport.parkNanos(random.nextInt(20_000));
                workers.get(random.nextInt(workers.size())).interrupt();
                isOver = workers.stream().allMatch(worker -> worker.task.isDone());
            }
            for (Worker worker : workers) {
                assertTrue(worker.task.get() > STEPS / 10, worker.path::toString);
            }
            machine.close();
            assertTrue(channel.isOpen(), "no interrupt closes the embedder's channel");
        }
    }
}
