// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.MmuNotifier.Reason;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class TlbContextTest {
    private static final long EACH = 10_000;

    private final TlbContext context = new TlbContext();

    @Test
    @DisplayName("P12: has a positive number that no other has, and no generations but its own")
    void numbers() {
        Set<Long> numbers = new HashSet<>();
        for (int i = 0; i < 1_000; i++) {
            long number = new TlbContext().id();
            assertTrue(number > 0);
            assertTrue(numbers.add(number));
        }
        TlbContext other = new TlbContext();
        long before = other.generation().current();
        assertEquals(context.generation().current() + 1, context.generation().advance());
        assertEquals(before, other.generation().current());
        assertEquals(context.id(), context.id());
    }

    @Test
    @DisplayName("P19: each advance has a generation of its own, and none is left out")
    void advance() throws Exception {
        long before = context.generation().current();
        ExecutorService other = Executors.newSingleThreadExecutor();
        Set<Long> seen = new HashSet<>();
        Future<Set<Long>> theirs = other.submit(() -> {
            Set<Long> mine = new HashSet<>();
            for (int i = 0; i < EACH; i++) {
                mine.add(context.generation().advance());
            }
            return mine;
        });
        for (int i = 0; i < EACH; i++) {
            seen.add(context.generation().advance());
        }
        seen.addAll(theirs.get());
        other.shutdown();
        assertEquals(2 * EACH, seen.size());
        assertEquals(before + 2 * EACH, context.generation().current());
    }

    @Test
    @DisplayName("a logged range is in its own log, and in no other")
    void log() {
        FlushLog.FlushedRange range = new FlushLog.FlushedRange();
        long generation = context.generation().advance();
        assertFalse(context.log().read(generation, range));
        context.log(generation, 0x1000, 0x3000, 5, Reason.DISCARDED);
        assertTrue(context.log().read(generation, range));
        assertEquals(0x1000, range.start());
        assertEquals(0x3000, range.end());
        assertEquals(5, range.cpus());
        assertEquals(Reason.DISCARDED, range.reason());
        assertFalse(new TlbContext().log().read(generation, range));
    }

    @Test
    @DisplayName("one that was given back has negative generations, of which a CPU is told, and no log")
    void givenBack() {
        long before = context.generation().advance();
        context.checkNotGivenBack(before);
        assertFalse(context.isGivenBack());
        context.free();
        assertTrue(context.isGivenBack());
        long read = context.generation().advance();
        String message = "context " + context.id() + " is used after it was given back";
        assertEquals(
                message,
                assertThrows(IllegalStateException.class, () -> context.checkNotGivenBack(read))
                        .getMessage());
        context.log(read, 0x1000, 0x3000, 5, Reason.DISCARDED);
        assertFalse(context.log().read(read, new FlushLog.FlushedRange()));
        assertTrue(context.isGivenBack());
    }

    @Test
    @DisplayName("is not given back twice")
    void givenBackTwice() {
        context.free();
        assertThrows(IllegalStateException.class, context::free);
    }

    @Test
    @DisplayName("P13: its users are the CPUs that are in it, each once")
    void users() {
        TlbContext other = new TlbContext();
        Cpus cpus = new Cpus();
        CpuState first = OwnedCpu.claim(cpus, 0, () -> {});
        CpuState second = OwnedCpu.claim(cpus, 0, () -> {});
        ContextSwitch.load(first, context);
        ContextSwitch.load(second, context);
        assertEquals(2, context.cpus());
        ContextSwitch.load(first, context);
        assertEquals(2, context.cpus());
        ContextSwitch.load(second, other);
        assertEquals(1, context.cpus());
        assertEquals(1, other.cpus());
        ContextSwitch.load(first, null);
        cpus.release(first);
        assertEquals(0, context.cpus());
        cpus.release(second);
        assertEquals(0, other.cpus(), "to take it off gives up its current context");
    }
}
