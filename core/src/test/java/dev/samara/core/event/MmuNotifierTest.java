// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.event.MmuNotifier.Reason;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class MmuNotifierTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final Executor THREAD = task -> new Thread(task).start();

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine = Machine.builder().reportTo(reports::add).build();
    private final AddressSpace space = machine.newSpace(LINUX);

    /** A range, in pages from {@link #PLACE}. */
    private record Told(long start, long end, Reason reason) {}

    private static long page(long number) {
        return PLACE + number * PAGE;
    }

    private void map(long first, long pages) {
        assertEquals(page(first), space.mmap(page(first), pages * PAGE, RW, FIXED, null, 0));
    }

    private static MmuNotifier into(List<Told> told) {
        return (start, end, reason) -> told.add(new Told((start - PLACE) / PAGE, (end - PLACE) / PAGE, reason));
    }

    @Test
    @DisplayName("told of each range unmapped, replaced, moved or narrowed, once for each reason")
    void whatIsTold() {
        List<Told> told = new ArrayList<>();
        space.addNotifier(into(told));
        map(0, 10);
        space.munmap(page(2), PAGE);
        space.munmap(page(1), 3 * PAGE);
        map(5, 2);
        space.mprotect(page(8), PAGE, Mman.READ);
        assertEquals(
                List.of(
                        new Told(2, 3, Reason.UNMAPPED),
                        new Told(1, 4, Reason.UNMAPPED),
                        new Told(5, 7, Reason.REPLACED),
                        new Told(8, 9, Reason.PROTECTED)),
                told);

        told.clear();
        map(20, 1);
        int fixed = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertEquals(page(30), space.mremap(page(20), PAGE, PAGE, fixed, page(30)));
        assertEquals(page(9), space.mremap(page(30), PAGE, PAGE, fixed, page(9)));
        assertEquals(
                List.of(
                        new Told(20, 21, Reason.UNMAPPED),
                        new Told(30, 31, Reason.REPLACED),
                        new Told(9, 10, Reason.UNMAPPED),
                        new Told(30, 31, Reason.UNMAPPED),
                        new Told(9, 10, Reason.REPLACED)),
                told);
        space.validate();
    }

    @Test
    @DisplayName("not told of new mappings, growth, new rights, cuts, merges or failures")
    void whatIsNotTold() {
        List<Told> told = new ArrayList<>();
        space.addNotifier(into(told));
        map(0, 2);
        map(2, 2);
        space.mprotect(page(1), PAGE, RW | Mman.EXEC);
        space.madvise(page(0), PAGE, Mman.DONTFORK);
        space.mremap(page(3), PAGE, 2 * PAGE, 0, 0);
        space.munmap(page(100), PAGE);
        space.munmap(page(0) + 1, PAGE);
        assertEquals(List.of(), told);
    }

    @Test
    @DisplayName("lookups have the new layout then, no mapping is placed there, and a call that names the range waits")
    void betweenPublicationAndCompletion() {
        long start = space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        List<CompletableFuture<Long>> named = new ArrayList<>();
        space.addNotifier((first, end, reason) -> {
            if (!named.isEmpty()) {
                return;
            }
            assertNull(space.find(start));
            assertEquals(Fault.MAPERR, space.resolve(start, Mman.READ));
            assertNotEquals(start, space.mmap(0, PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0));
            named.add(CompletableFuture.supplyAsync(() -> space.mmap(start, PAGE, RW, FIXED, null, 0), THREAD));
            assertThrows(TimeoutException.class, () -> named.get(0).get(50, TimeUnit.MILLISECONDS));
        });
        assertEquals(0, space.munmap(start, PAGE));
        assertEquals(start, named.get(0).join());
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("it may change other ranges, and throws where it would have to wait")
    void mayNotWait() {
        map(0, 1);
        List<IllegalStateException> thrown = new ArrayList<>();
        space.addNotifier((start, end, reason) -> {
            map(10, 1);
            thrown.add(assertThrows(IllegalStateException.class, () -> space.mmap(start, PAGE, RW, FIXED, null, 0)));
        });
        space.munmap(page(0), PAGE);
        assertEquals(1, thrown.size());
        assertNotNull(space.find(page(10)));
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("its exception is reported; other ranges and notifiers are told, and the operation completes")
    void throwing() {
        map(0, 1);
        List<Told> first = new ArrayList<>();
        List<Told> second = new ArrayList<>();
        IllegalArgumentException refused = new IllegalArgumentException("no");
        space.addNotifier((start, end, reason) -> {
            into(first).invalidate(start, end, reason);
            throw refused;
        });
        space.addNotifier(into(second));
        assertEquals(page(5), space.mremap(page(0), PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, page(5)));
        assertEquals(2, first.size());
        assertEquals(first, second);
        assertEquals(2, reports.size());
        assertEquals(Report.Kind.CALLBACK_FAILED, reports.get(0).kind());
        assertSame(refused, reports.get(0).cause());
        map(0, 1);
        space.validate();
    }

    @Test
    @DisplayName("an asynchronous operation calls it from a thread of the machine, and is complete after it")
    void asynchronous() {
        map(0, 1);
        CompletableFuture<Thread> caller = new CompletableFuture<>();
        CompletableFuture<Void> dropped = new CompletableFuture<>();
        space.addNotifier((start, end, reason) -> {
            caller.complete(Thread.currentThread());
            dropped.join();
        });
        CompletableFuture<Long> unmapped = space.munmapAsync(page(0), PAGE);
        assertNotEquals(Thread.currentThread(), caller.join());
        assertNull(space.find(page(0)));
        assertFalse(unmapped.isDone());
        dropped.complete(null);
        assertEquals(0, unmapped.join());
    }

    @Test
    @DisplayName("a fork does not inherit it, and one whose registration was closed is not told")
    void forkedAndRemoved() {
        map(0, 2);
        List<Told> told = new ArrayList<>();
        Registration registration = space.addNotifier(into(told));
        try (AddressSpace child = space.fork()) {
            child.munmap(page(0), PAGE);
        }
        assertEquals(List.of(), told);
        registration.close();
        space.munmap(page(0), PAGE);
        assertEquals(List.of(), told);
    }

    @Test
    @DisplayName(
            "discarded pages are there still when it is called, and no flush listener is called before they are gone")
    void discarded() {
        try (Machine withMemory = Machine.builder().memory(1 << 20).build();
                AddressSpace discarding = withMemory.newSpace(LINUX);
                Cpu cpu = withMemory.claimCpu()) {
            assertEquals(PLACE, discarding.mmap(PLACE, PAGE, RW, FIXED, null, 0));
            cpu.switchTo(discarding);
            assertEquals(Fault.NONE, cpu.memory().store(PLACE, 1, 7));
            byte[] bytes = new byte[1];
            List<String> told = new ArrayList<>();
            Registration notifier = discarding.addNotifier((start, end, reason) -> {
                assertEquals(1, discarding.read(PLACE, bytes, 0, 1));
                told.add(reason + " " + bytes[0] + " " + withMemory.statistics().framesInUse());
            });
            cpu.onFlush((start, end, reason, generation) ->
                    told.add(reason + " " + withMemory.statistics().framesInUse()));
            assertEquals(0, discarding.madvise(PLACE, PAGE, Mman.DONTNEED));
            assertEquals(Fault.NONE, cpu.memory().load(PLACE, 1));
            assertEquals(0, cpu.memory().value());
            assertEquals(List.of("DISCARDED 7 1", "DISCARDED 0"), told);
            // The notifier could not read a space that is being closed.
            notifier.close();
            cpu.switchTo(null);
        }
    }
}
