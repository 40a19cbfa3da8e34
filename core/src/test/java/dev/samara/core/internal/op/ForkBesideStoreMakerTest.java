// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class ForkBesideStoreMakerTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final Geometry LARGE = new Geometry(16, 3, 29, 0x10000, (1L << 47) - 65536, (1L << 47) - 65536);

    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch mayEnd = new CountDownLatch(1);

    private static <T> FutureTask<T> start(FutureTask<T> task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
        return task;
    }

    @Test
    @DisplayName("a fork does not wait for an embedder that makes the frames of another page size")
    void forkGoesOn() {
        Machine machine = Machine.builder()
                .memory(1 << 20)
                .frameStore((shift, count) -> {
                    if (shift == LARGE.pageShift()) {
                        begun.countDown();
                        Latches.await(mayEnd);
                    }
                    return new HookedFrames(shift, count);
                })
                .build();
        AddressSpace parent = machine.newSpace(LINUX);
        FutureTask<AddressSpace> making = start(new FutureTask<>(() -> machine.newSpace(LARGE)));
        Latches.await(begun);
        try {
            FutureTask<AddressSpace> forking = start(new FutureTask<>(parent::fork));
            assertNotNull(Await.result("fork", forking, List.of()));
        } finally {
            mayEnd.countDown();
        }
        assertNotNull(Await.result("a space with large pages", making, List.of()));
    }
}
