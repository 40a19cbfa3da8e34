// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.internal.op.RetiringCall.PAGE;
import static dev.samara.core.internal.op.RetiringCall.RW;
import static dev.samara.core.internal.op.RetiringCall.page;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("P21, P26: calls and exceptions of the retirement of an operation")
final class RetiringCallbackTest {
    private final HeldOperations holding = new HeldOperations();
    private final AtomicReference<@Nullable Throwable> thrown = new AtomicReference<>();

    private void duringNext(Runnable callback) {
        holding.duringNext(() -> {
            try {
                callback.run();
            } catch (RuntimeException | AssertionError failure) {
                thrown.set(failure);
            }
        });
    }

    /**
     * Checks that a call from a retirement was refused with a message that names the retiring and the awaited
     * operation.
     */
    private void assertRefused(String caller, String awaited) {
        Throwable failure = thrown.get();
        assertNotNull(failure, "nothing was thrown");
        assertSame(IllegalStateException.class, failure.getClass(), failure::toString);
        String message = String.valueOf(failure.getMessage());
        assertTrue(message.contains("was called by the retirement of " + caller), message);
        assertTrue(message.contains("would have to wait for " + awaited), message);
    }

    @ParameterizedTest
    @EnumSource(value = RangeCall.class, mode = EnumSource.Mode.EXCLUDE, names = "CLOSE")
    @DisplayName("an operation on the very range in flight throws and changes nothing")
    void sameRange(RangeCall column) {
        AddressSpace calm = RetiringCall.MAP_FIXED.space(Machine.builder().build());
        RetiringCall.MAP_FIXED.run(calm);
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        duringNext(() -> column.run(space, 16, 8));
        assertEquals(page(16), RetiringCall.MAP_FIXED.run(space));
        assertRefused("mmap(", "mmap(");
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
        assertEquals(calm.usage(), space.usage());
        space.validate();
    }

    @Test
    @DisplayName("an operation on a range that another thread has in flight throws and changes nothing")
    void rangeOfAnother() throws Exception {
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> space.munmap(page(128), 8 * PAGE));
        duringNext(() -> space.mprotect(page(130), PAGE, Mman.READ));
        assertEquals(0, space.munmap(page(16), 8 * PAGE));
        assertRefused("munmap(0x" + Long.toHexString(page(16)), "munmap(0x" + Long.toHexString(page(128)));
        assertTrue(String.valueOf(thrown.get()).contains("mprotect("));
        hold.endWith(0);
        space.validate();
    }

    @Test
    @DisplayName("an operation on a range in flight in another space throws, too")
    void otherSpace() throws Exception {
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        AddressSpace other = RetiringCall.MUNMAP.space(holding.machine());
        HeldOperations.Hold hold = holding.hold(() -> RetiringCall.MUNMAP.run(other));
        duringNext(() -> other.munmap(page(16), PAGE));
        assertEquals(0, RetiringCall.MUNMAP.run(space));
        assertRefused("munmap(", "munmap(");
        hold.endWith(0);
    }

    @Test
    @DisplayName("a fault that would have to wait throws; one that need not is answered")
    void fault() {
        AddressSpace space = RetiringCall.MAP_FIXED.space(holding.machine());
        AtomicReference<@Nullable Integer> elsewhere = new AtomicReference<>();
        duringNext(() -> {
            elsewhere.set(space.resolve(page(8), RW));
            space.resolve(page(16), RW);
        });
        assertEquals(page(16), RetiringCall.MAP_FIXED.run(space));
        assertEquals(Fault.NONE, elsewhere.get());
        assertRefused("mmap(", "mmap(");
        assertTrue(String.valueOf(thrown.get()).contains("a fault at 0x" + Long.toHexString(page(16))));
    }

    @Test
    @DisplayName("a wait for quiescence throws: a thread of the machine may wait for the operation")
    void quiescence() {
        Machine machine = holding.machine();
        AddressSpace space = RetiringCall.MUNMAP.space(machine);
        duringNext(() -> {
            try {
                machine.awaitQuiescence();
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
        });
        assertEquals(0, RetiringCall.MUNMAP.run(space));
        assertRefused("munmap(", "threads of the machine");
    }

    @Test
    @DisplayName("operations on other ranges go on, with a retiring of their own, and so do forks and lookups")
    void otherRanges() {
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        duringNext(() -> {
            holding.duringNext(() -> assertEquals(0, space.munmap(page(130), PAGE)));
            assertEquals(0, space.munmap(page(128), PAGE));
            assertNull(space.find(page(16)));
            space.fork().close();
            assertThrows(IllegalStateException.class, () -> space.munmap(page(16), PAGE), "still that of the first");
        });
        assertEquals(0, RetiringCall.MUNMAP.run(space));
        assertNull(thrown.get());
        assertTrue(holding.reports.isEmpty(), holding.reports::toString);
        assertNull(space.find(page(130)));
        assertEquals(0, space.munmap(page(16), PAGE), "nothing is left behind");
        space.validate();
    }

    @Test
    @DisplayName("an asynchronous operation on another range may be begun there")
    void asynchronously() throws Exception {
        AddressSpace space = RetiringCall.MUNMAP.space(holding.machine());
        AtomicReference<@Nullable CompletableFuture<Long>> begun = new AtomicReference<>();
        duringNext(() -> begun.set(space.munmapAsync(page(128), PAGE)));
        assertEquals(0, RetiringCall.MUNMAP.run(space));
        CompletableFuture<Long> future = begun.get();
        assertNotNull(future);
        assertEquals(0, future.get());
    }

    @ParameterizedTest
    @EnumSource(RetiringCall.class)
    @DisplayName("P21: an exception of the retirement is reported, and the operation still completes")
    void throwing(RetiringCall row) throws Exception {
        AddressSpace calm = row.space(Machine.builder().build());
        long expected = row.run(calm);
        AddressSpace space = row.space(holding.machine());
        Error failure = new AssertionError("on purpose");
        HeldOperations.Hold hold = holding.hold(() -> row.run(space), () -> {
            throw failure;
        });
        HeldOperations.Caller<Long> waiting = waits(() -> space.msync(page(16), PAGE, 0));
        hold.endWith(expected);
        waiting.result();
        assertEquals(1, holding.reports.size());
        Report report = holding.reports.get(0);
        assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
        assertSame(failure, report.cause());
        assertTrue(report.message().startsWith("retiring of m"), report::message);
        assertEquals(LayoutText.of(calm), LayoutText.of(space));
        assertEquals(calm.usage(), space.usage());
        for (RetiringCall.Place place : row.places()) {
            assertEquals(0, atOnce(() -> space.munmap(page(place.first()), 8 * PAGE)));
            long hint = page(place.first());
            assertEquals(hint, atOnce(() -> space.mmap(hint, PAGE, RW, RetiringCall.ANONYMOUS, null, 0)));
        }
        space.validate();
    }
}
