// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Asks the checker during each call, when the call makes another CPU drop translations of four pages, and after the
 * call.
 */
@ExtendWith(OneThread.class)
@DisplayName("The access checker knows the revocations of a call and their pages:")
final class TakenAwayTest {
    private static final int PAGES = 4;
    private static final String NOTHING = "- - - -";

    /** The revocations during the call. */
    private final AtomicReference<String> seen = new AtomicReference<>("");

    private final SpaceFixture fixture = new SpaceFixture(
            Machine.builder().memory(1L << 24).checked(true).deliverShootdowns(new ShootdownDelivery() {
                @Override
                public void deliver(int cpu, Thread thread) {
                    seen.set(taken());
                }
            }));
    private final AddressSpace space = fixture.space;
    private final AccessChecker checker =
            Objects.requireNonNull(MachineInternals.layoutOf(space).memory().accessChecker);
    private final OtherCpu other = new OtherCpu(space);
    private long at = fixture.anonymous(PAGES);

    @AfterEach
    void close() {
        other.close();
        fixture.closeEmpty();
    }

    /**
     * Returns what is being revoked of each page: M for its marks, W for the right to write, P for the page; "-" for
     * nothing.
     */
    private String taken() {
        StringBuilder pages = new StringBuilder();
        for (long address = at; address < at + PAGES * PAGE; address += PAGE) {
            String kinds = taken(address, AccessChecker.MARK, "M")
                    + taken(address, AccessChecker.WRITE, "W")
                    + taken(address, AccessChecker.PAGE, "P");
            pages.append(pages.isEmpty() ? "" : " ").append(kinds.isEmpty() ? "-" : kinds);
        }
        return pages.toString();
    }

    private String taken(long address, int kind, String name) {
        return checker.isRevoking(MachineInternals.layoutOf(space).pages().number(), address, kind) ? name : "";
    }

    /** Compares the revocations during a call, after the other CPU accessed all pages. */
    private void assertTakes(String expected, Runnable call) {
        seen.set("");
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch over = new CountDownLatch(1);
        Future<Integer> polling = other.submit(cpu -> {
            cpu.enterGuest();
            for (long address = at; address < at + PAGES * PAGE; address += PAGE) {
                assertFault(Fault.NONE, cpu.memory().load(address, 8));
            }
            entered.countDown();
            while (over.getCount() != 0) {
                cpu.poll();
            }
            cpu.leaveGuest();
            return Fault.NONE;
        });
        Latches.await(entered);
        try {
            call.run();
        } finally {
            over.countDown();
        }
        assertEquals(expected, seen.get());
        assertEquals(NOTHING, taken(), "it has ended");
        try {
            assertFault(Fault.NONE, polling.get());
        } catch (InterruptedException | ExecutionException failed) {
            throw new AssertionError(failed);
        }
    }

    private void touch() {
        for (long address = at; address < at + PAGES * PAGE; address += PAGE) {
            fixture.store(address, 1);
        }
    }

    @Test
    @DisplayName("munmap, mprotect, MADV_DONTNEED, MAP_FIXED everything of their ranges")
    void ranges() {
        touch();
        assertTakes("- MWP - -", () -> assertEquals(0, space.mprotect(at + PAGE, PAGE, READ)));
        assertTakes("- - MWP MWP", () -> assertEquals(0, space.madvise(at + 2 * PAGE, 2 * PAGE, Mman.DONTNEED)));
        assertTakes(
                "- MWP MWP -",
                () -> assertEquals(
                        at + PAGE, space.mmap(at + PAGE, 2 * PAGE, RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0)));
        assertTakes("- - - MWP", () -> assertEquals(0, space.munmap(at + 3 * PAGE, PAGE)));
    }

    @Test
    @DisplayName("mremap of where the pages were, and of where they come")
    void moved() {
        touch();
        int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        assertTakes(
                "MWP - - MWP", () -> assertEquals(at + 3 * PAGE, space.mremap(at, PAGE, PAGE, flags, at + 3 * PAGE)));
    }

    @Test
    @DisplayName("brk of any page")
    void heap() {
        at = space.brk(0);
        assertEquals(at + PAGES * PAGE, space.brk(at + PAGES * PAGE));
        touch();
        assertTakes("MWP MWP MWP MWP", () -> assertEquals(at + 2 * PAGE, space.brk(at + 2 * PAGE)));
    }

    @Test
    @DisplayName("fork the right to write, anywhere; then the first store the page")
    void forked() {
        touch();
        assertTakes("W W W W", () -> space.fork().close());
        AddressSpace child = space.fork();
        assertTakes("- - MWP -", () -> fixture.store(at + 2 * PAGE, 2));
        child.close();
    }

    @Test
    @DisplayName("a collection the marks, a watchpoint the right to write")
    void marks() {
        touch();
        assertTakes("- M M -", () -> space.collectDirty(at + PAGE, 2 * PAGE, page -> {}));
        touch();
        assertTakes(
                "- - - W",
                () -> space.watch(at + 3 * PAGE + 8, 8, (address, length) -> {}).close());
    }

    @Test
    @DisplayName("a truncation the pages of the file, where they are mapped")
    void truncated() {
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        MemoryFile file = fixture.file(PAGES);
        at = fixture.map(at, PAGES, RW, Mman.SHARED | Mman.FIXED, file.open(), 0);
        touch();
        assertTakes("- - MWP MWP", () -> assertEquals(0, file.truncate(2 * PAGE)));
        assertEquals(0, space.munmap(at, PAGES * PAGE));
        file.close();
    }
}
