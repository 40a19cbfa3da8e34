// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A file is truncated while a call waits to map it over another mapping, whose pages a fork must still copy. */
class TruncatedWhileReplacingTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final long LENGTH = 4 * PAGE;
    private static final long NARROWED = 0x10_0000_0000L;
    private static final long REPLACED = 0x20_0000_0000L;
    private static final long SOURCE = 0x30_0000_0000L;
    private static final int READ_WRITE = Mman.READ | Mman.WRITE;
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
    private static final int OF_FILE = Mman.PRIVATE | Mman.FIXED;

    private final AtomicReference<Runnable> inFlight = new AtomicReference<>(TruncatedWhileReplacingTest::nothing);
    private final Machine machine = MachineInternals.machine(
            Machine.builder().memory(1 << 20),
            range -> inFlight.getAndSet(TruncatedWhileReplacingTest::nothing).run());
    private final AddressSpace space = machine.newSpace(GEOMETRY);
    private final MemoryFile file = machine.newFile("/file", 1, GEOMETRY, LENGTH);

    private static void nothing() {}

    @Test
    @DisplayName("MAP_FIXED: the child has the pages of the replaced mapping")
    void mapFixed() {
        replace(() -> space.mmap(REPLACED, LENGTH, READ_WRITE, OF_FILE, file.open(), 0));
        judge(0);
    }

    @Test
    @DisplayName(
            "mremap: the child has the pages of the replaced mapping, and written pages beyond the end are not moved"
                    + " there")
    void moved() {
        space.mmap(SOURCE, LENGTH, READ_WRITE, OF_FILE, file.open(), 0);
        fill(SOURCE, LENGTH, 7);
        replace(() -> space.mremap(SOURCE, LENGTH, LENGTH, Mman.MAYMOVE | Mman.MREMAP_FIXED, REPLACED));
        judge(7);
    }

    /**
     * Runs a call that waits for the copy of a fork, which waits for a narrowing in flight; truncates the file in the
     * meantime.
     */
    private void replace(LongSupplier call) {
        space.mmap(NARROWED, PAGE, READ_WRITE, ANONYMOUS, null, 0);
        space.mmap(REPLACED, LENGTH, READ_WRITE, ANONYMOUS, null, 0);
        // A fork copies only written mappings, in ascending order, so it waits at this one.
        fill(NARROWED, PAGE, 1);
        fill(REPLACED, LENGTH, 42);
        CompletableFuture<AddressSpace> fork = new CompletableFuture<>();
        CompletableFuture<Long> replacing = new CompletableFuture<>();
        AtomicBoolean isBeside = new AtomicBoolean();
        inFlight.set(() -> {
            begin(fork, space::fork);
            begin(replacing, call::getAsLong);
            isBeside.set(!fork.isDone() && !replacing.isDone());
            file.truncate(PAGE);
            file.truncate(LENGTH);
        });
        assertEquals(0, space.mprotect(NARROWED, PAGE, Mman.READ));
        assertTrue(isBeside.get(), "the fork or the call was over before the truncation");
        assertEquals(REPLACED, Await.result("the call", replacing, List.of()));
        try (AddressSpace child = Await.result("the fork", fork, List.of());
                Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(child);
            for (long page = 0; page < LENGTH; page += PAGE) {
                assertEquals(Fault.NONE, cpu.memory().load(REPLACED + page, 8));
                assertEquals(42, cpu.memory().value(), "page " + page / PAGE + " of the child");
            }
        }
    }

    /** Makes a call on a separate thread, and returns once the call waits at a gate or ended. */
    private static <T> void begin(CompletableFuture<T> answer, Supplier<T> call) {
        Thread thread = new Thread(() -> {
            try {
                answer.complete(call.get());
            } catch (Throwable thrown) {
                answer.completeExceptionally(thrown);
            }
        });
        thread.start();
        Await.until(
                "the call waits at a gate or is over",
                () -> answer.isDone() || LockSupport.getBlocker(thread) instanceof Gate,
                thread);
    }

    private void fill(long address, long length, long value) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (long page = 0; page < length; page += PAGE) {
                assertEquals(Fault.NONE, cpu.memory().store(address + page, 8, value));
            }
        }
    }

    /** Checks that the parent maps the file: a written page if it was moved there, and zeros beyond the truncation. */
    private void judge(long first) {
        judgeParent(first);
        fill(REPLACED, LENGTH, 9);
        file.truncate(PAGE);
        file.truncate(LENGTH);
        judgeParent(9);
        space.close();
        file.close();
        assertEquals(0, machine.statistics().framesInUse(), "frames in use");
    }

    private void judgeParent(long first) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            for (long page = 0; page < LENGTH; page += PAGE) {
                cpu.memory().load(REPLACED + page, 8);
                assertEquals(page == 0 ? first : 0, cpu.memory().value(), "page " + page / PAGE);
            }
        }
    }
}
