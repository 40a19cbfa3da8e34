// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A run of the retire phase on a thread of the machine, and an Error that ends it. */
@DisplayName("I2: the run of the retire phase")
final class RetirementRunTest {
    private static final long PAGE = Layouts.GEOMETRY.pageSize();
    private static final long PLACE = 0x2000_0000_0000L;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Layout layout = Layouts.layout(Layouts.host(range -> {}, reports));

    private RetirementRun unmapped() {
        assertEquals(PLACE, Syscall.run(layout, Mmap.of(layout, PLACE, PAGE, Mman.READ, FIXED, null, 0)));
        try (Edit edit = Layouts.edit(layout)) {
            edit.publish(new Munmap(PLACE, PAGE).decide(edit));
        }
        return (RetirementRun) layout.inFlight().operations.get(0);
    }

    @Test
    @DisplayName("is listed again where an Error ends it, and goes on until the last task has run")
    void errorInRun() throws InterruptedException {
        RetirementRun run = unmapped();
        Error planted = new InternalError("planted");
        AtomicInteger left = new AtomicInteger(2);
        CompletableFuture<Long> future = new CompletableFuture<>();
        run.runAfter(() -> {
            if (left.getAndDecrement() > 0) {
                throw planted;
            }
            future.complete(0L);
        });
        run.submit();
        assertEquals(0, Await.result("the last task", future, reports));
        // A run is listed again before its Error is reported.
        layout.host.threads.awaitQuiescence();
        assertTrue(run.gate().isOpen());
        assertTrue(layout.inFlight().isEmpty());
        assertEquals(
                List.of(Report.Kind.CALLBACK_FAILED, Report.Kind.CALLBACK_FAILED),
                reports.stream().map(Report::kind).toList());
        assertSame(planted, reports.get(0).cause());
    }
}
