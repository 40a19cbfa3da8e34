// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.fixture.Await;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

/** A CPU on its own thread, which makes one step at a time, when a test requests it. */
final class LockStepCpu implements AutoCloseable {
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final BarePageTable table;
    private final CpuTlb cpu;

    /** Claims the CPU, which enters GUEST in the table's space. */
    LockStepCpu(BarePageTable table) {
        this.table = table;
        cpu = Await.result("a CPU", thread.submit(() -> table.guest()), List.of());
    }

    /** Makes a step, and waits until it is made. */
    <T> T step(Function<CpuTlb, T> step) {
        return Await.result("a step of a CPU", thread.submit(() -> step.apply(cpu)), List.of());
    }

    void poll() {
        step(of -> {
            of.poll();
            return true;
        });
    }

    /** Leaves GUEST, and the space except its translations. */
    void enterLazy() {
        step(of -> {
            of.leaveGuest();
            of.enterLazy();
            return true;
        });
    }

    /** Leaves GUEST and the space. */
    void leave() {
        step(of -> {
            of.leaveGuest();
            return of.switchTo(null);
        });
    }

    /** Switches to the table's space. Returns false if the space has ended. */
    boolean comeBack() {
        return step(of -> of.leaveLazy(table.pages) || of.switchTo(table.pages));
    }

    @Override
    public void close() {
        try {
            step(of -> {
                if (of.isGuest()) {
                    of.leaveGuest();
                }
                of.close();
                return true;
            });
        } finally {
            thread.shutdown();
        }
    }
}
