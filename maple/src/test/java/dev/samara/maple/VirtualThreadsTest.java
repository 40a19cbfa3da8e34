// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadFactory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Many threads, virtual ones where the JVM has them,")
final class VirtualThreadsTest {
    private static final int THREADS = Runtime.version().feature() < 21 ? 64 : 2_000;
    private static final int ROUNDS = 20;

    /** The number of indexes that each thread edits. */
    private static final long OWN = 16;

    /** Two places, one of which contains the token. */
    private static final long HERE = 1L << 40;

    private static final long THERE = 1L << 41;

    private final MapleTree<Integer> tree = new MapleTree<>();

    /** Uses reflection, because the code is compiled for Java 17. */
    private static ThreadFactory threads() throws ReflectiveOperationException {
        if (Runtime.version().feature() < 21) {
            return Thread::new;
        }
        Object builder =
                Objects.requireNonNull(Thread.class.getMethod("ofVirtual").invoke(null));
        return (ThreadFactory) Objects.requireNonNull(
                Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder));
    }

    /**
     * Stores, reads and erases in the thread's own range, between the ranges of all other threads, and moves the token.
     */
    private void edit(int thread) {
        long first = thread * OWN;
        Reader<Integer> reader = tree.reader();
        for (int round = 0; round < ROUNDS; round++) {
            int value = round;
            tree.store(first, first + OWN - 1, value);
            assertEquals(value, reader.get(first + round % OWN));
            tree.erase(first + 4, first + 7);
            assertNull(reader.get(first + 5));
            assertEquals(value, tree.get(first + 8));
            tree.update(transaction -> {
                boolean isHere = transaction.get(HERE) != null;
                transaction.eraseEntry(isHere ? HERE : THERE);
                long to = isHere ? THERE : HERE;
                transaction.store(to, to, thread);
            });
        }
    }

    /** Looks for the token, which is in exactly one place at each instant. */
    private void read() {
        for (int round = 0; round < ROUNDS; round++) {
            Snapshot<Integer> now = tree.snapshot();
            assertEquals(1, now.entries(HERE, THERE).size());
            assertEquals(now.get(HERE) == null, now.get(THERE) != null);
        }
    }

    @Test
    @DisplayName("read and edit one tree, and each finds what it stored and no half of a transaction")
    void readAndEdit() throws Exception {
        tree.store(HERE, HERE, 0);
        CountDownLatch start = new CountDownLatch(1);
        List<FutureTask<Void>> tasks = new ArrayList<>();
        ThreadFactory threads = threads();
        for (int i = 0; i < THREADS; i++) {
            int thread = i;
            Callable<Void> body = () -> {
                start.await();
                if (thread % 4 == 0) {
                    read();
                } else {
                    edit(thread);
                }
                return null;
            };
            FutureTask<Void> task = new FutureTask<>(body);
            tasks.add(task);
            threads.newThread(task).start();
        }
        start.countDown();
        for (FutureTask<Void> task : tasks) {
            task.get();
        }
        tree.validate();
        // Two ranges per editing thread, and the token.
        assertEquals(2 * (THREADS - THREADS / 4) + 1, tree.count());
        assertNotNull(tree.get(OWN));
    }
}
