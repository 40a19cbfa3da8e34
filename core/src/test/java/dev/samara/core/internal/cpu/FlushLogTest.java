// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.MmuNotifier.Reason;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Rounds;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class FlushLogTest {
    private static final Reason[] REASONS = Reason.values();

    private final TlbContext log = new TlbContext();
    private final TlbContext.FlushedRange range = new TlbContext.FlushedRange();

    /** Writes a record that is a function of its generation. */
    private void write(long generation) {
        log.log(generation, start(generation), ~start(generation), -generation, reason(generation));
    }

    private static long start(long generation) {
        return generation * 0x9e37_79b9_7f4a_7c15L & -512;
    }

    /** Returns the generation's reason. It differs between consecutive generations that share a record. */
    private static Reason reason(long generation) {
        return REASONS[(int) (generation / TlbContext.LOG_SIZE % REASONS.length)];
    }

    private boolean reads(long generation, TlbContext.FlushedRange into) {
        if (!log.readLog(generation, into)) {
            return false;
        }
        assertEquals(start(generation), into.start());
        assertEquals(~start(generation), into.end());
        assertEquals(-generation, into.cpus());
        assertEquals(reason(generation), into.reason());
        return true;
    }

    @Test
    @DisplayName("has the last 256 generations, wherever they begin, and none before or after")
    void wrapsAround() {
        for (long first : new long[] {2, 600, 5_000_000_000L}) {
            for (long generation = first; generation < first + 2 * TlbContext.LOG_SIZE; generation++) {
                assertFalse(reads(generation, range));
                write(generation);
                assertTrue(reads(generation, range));
                assertFalse(reads(generation - TlbContext.LOG_SIZE, range));
            }
            for (long generation = first + TlbContext.LOG_SIZE;
                    generation < first + 2 * TlbContext.LOG_SIZE;
                    generation++) {
                assertTrue(reads(generation, range));
            }
        }
    }

    @Test
    @DisplayName("P19: a generation that was begun and is not written is not there, and those beside it are")
    void gaps() {
        write(7);
        write(9);
        assertTrue(reads(7, range));
        assertFalse(reads(8, range));
        assertTrue(reads(9, range));
        write(8);
        assertTrue(reads(8, range));
    }

    @Test
    @DisplayName("a late record leaves that of a later generation, and is not found itself")
    void late() {
        write(10 + TlbContext.LOG_SIZE);
        write(10);
        assertFalse(reads(10, range));
        assertTrue(reads(10 + TlbContext.LOG_SIZE, range));
        write(10 + 3 * TlbContext.LOG_SIZE);
        write(10 + 2 * TlbContext.LOG_SIZE);
        assertFalse(reads(10 + 2 * TlbContext.LOG_SIZE, range));
        assertTrue(reads(10 + 3 * TlbContext.LOG_SIZE, range));
    }

    @Test
    @DisplayName("a record overwritten during its read is taken for neither generation")
    void overwritten() throws InterruptedException {
        int found = 1_000;
        AtomicLong last = new AtomicLong(1);
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread reader = new Thread(() -> {
            TlbContext.FlushedRange into = new TlbContext.FlushedRange();
            for (int left = found; left > 0; ) {
                if (reads(last.get(), into)) {
                    left--;
                }
            }
        });
        reader.setUncaughtExceptionHandler((thread, failure) -> thrown.set(failure));
        reader.start();
        // Overwrites the same record repeatedly.
        for (long generation = 1; reader.isAlive(); generation += TlbContext.LOG_SIZE) {
            last.set(generation);
            write(generation);
        }
        reader.join();
        assertEquals(null, thrown.get());
    }

    @Test
    @DisplayName("of two that write one record side by side, at most one is found, and whole")
    void twoWriters() throws InterruptedException {
        AtomicLong turn = new AtomicLong();
        AtomicBoolean isOver = new AtomicBoolean();
        Thread other = new Thread(() -> {
            for (long round = 1; ; round++) {
                long mine = 2 * round - 1;
                Await.until("the turn of the other thread", () -> turn.get() >= mine || isOver.get());
                if (isOver.get()) {
                    return;
                }
                write(2 * round * TlbContext.LOG_SIZE);
                turn.set(2 * round);
            }
        });
        other.start();
        int both = 0;
        Rounds rounds = new Rounds(20_000);
        while (rounds.next()) {
            long round = rounds.count();
            long mine = (2 * round + 1) * TlbContext.LOG_SIZE;
            turn.set(2 * round - 1);
            write(mine);
            Await.until("the other thread has written", () -> turn.get() >= 2 * round, other);
            boolean isOther = reads(2 * round * TlbContext.LOG_SIZE, range);
            if (reads(mine, range) == isOther) {
                both++;
            }
        }
        isOver.set(true);
        other.join();
        assertEquals(0, both, "one of the two is there");
    }

    private static final long EACH = 10_000;

    private final TlbContext context = new TlbContext();

    @Test
    @DisplayName("P12: has a positive number that no other has, and no generations but its own")
    void numbers() {
        Set<Long> numbers = new HashSet<>();
        for (int i = 0; i < 1_000; i++) {
            long number = new TlbContext().id;
            assertTrue(number > 0);
            assertTrue(numbers.add(number));
        }
        TlbContext other = new TlbContext();
        long before = other.generation();
        assertEquals(context.generation() + 1, context.advance());
        assertEquals(before, other.generation());
        assertEquals(context.id, context.id);
    }

    @Test
    @DisplayName("P19: each advance has a generation of its own, and none is left out")
    void advance() throws Exception {
        long before = context.generation();
        ExecutorService other = Executors.newSingleThreadExecutor();
        Set<Long> seen = new HashSet<>();
        Future<Set<Long>> theirs = other.submit(() -> {
            Set<Long> mine = new HashSet<>();
            for (int i = 0; i < EACH; i++) {
                mine.add(context.advance());
            }
            return mine;
        });
        for (int i = 0; i < EACH; i++) {
            seen.add(context.advance());
        }
        seen.addAll(theirs.get());
        other.shutdown();
        assertEquals(2 * EACH, seen.size());
        assertEquals(before + 2 * EACH, context.generation());
    }

    @Test
    @DisplayName("one that was given back has negative generations, of which a CPU is told, and no log")
    void givenBack() {
        long before = context.advance();
        context.checkNotGivenBack(before);
        assertFalse(context.isGivenBack());
        context.free();
        assertTrue(context.isGivenBack());
        long read = context.advance();
        String message = "context " + context.id + " is used after it was given back";
        assertEquals(
                message,
                assertThrows(IllegalStateException.class, () -> context.checkNotGivenBack(read))
                        .getMessage());
        context.log(read, 0x1000, 0x3000, 5, Reason.DISCARDED);
        assertFalse(context.readLog(read, new TlbContext.FlushedRange()));
        assertTrue(context.isGivenBack());
    }

    @Test
    @DisplayName("is not given back twice")
    void givenBackTwice() {
        context.free();
        assertThrows(IllegalStateException.class, context::free);
    }
}
