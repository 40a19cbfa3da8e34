// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.MapFlags;
import dev.samara.core.vma.Protection;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A store that has found its page writable and has not been made yet, beside forks. */
class ForkBesideAStoreTest {
    private final AtomicReference<@Nullable HeldFrames> store = new AtomicReference<>();
    private final Machine machine = Machine.builder()
            .memory(1 << 20)
            .frameStore((shift, count) -> {
                HeldFrames made = new HeldFrames(shift, count);
                store.set(made);
                return made;
            })
            .build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final long page = space.mmap(
            0,
            Geometry.LINUX_X86_64.pageSize(),
            Protection.READ | Protection.WRITE,
            MapFlags.PRIVATE | MapFlags.ANONYMOUS,
            null,
            0);

    private void store(long number) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.load(space);
            assertEquals(Fault.MINOR, cpu.store(page, 8, number));
        }
    }

    /** What a child has right after its fork, and what once the store is over. */
    private final class Forking extends Thread {
        private final HeldFrames.Hold hold;
        private long first = -1;
        private long later = -1;

        Forking(HeldFrames.Hold hold) {
            super("forking");
            setDaemon(true);
            this.hold = hold;
        }

        @Override
        public void run() {
            AddressSpace child = space.fork();
            try (Cpu cpu = machine.claimCpu()) {
                cpu.load(child);
                cpu.load(page, 8);
                first = cpu.value();
                hold.released.countDown();
                storing.join();
                cpu.load(page, 8);
                later = cpu.value();
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
            child.close();
        }

        /** It has ended its fork, or waits for the store. */
        boolean hasGoneAsFarAsItCan() {
            return getState() == State.TIMED_WAITING || getState() == State.WAITING || getState() == State.TERMINATED;
        }
    }

    private final Thread storing = new Thread(() -> store(2), "storing");

    @Test
    @DisplayName("a fork that finds a page read-only by another fork, which still waits for a store, waits for it too")
    void secondForkWaits() throws InterruptedException {
        store(1);
        HeldFrames.Hold hold = Objects.requireNonNull(store.get()).holdNextStore();
        storing.setDaemon(true);
        storing.start();
        hold.reached.await();
        Forking one = new Forking(hold);
        one.start();
        awaitStandstill(one);
        Forking two = new Forking(hold);
        two.start();
        awaitStandstill(two);
        hold.released.countDown();
        one.join();
        two.join();
        assertEquals(one.later, one.first, "the first child's page has changed after its fork");
        assertEquals(two.later, two.first, "the second child's page has changed after its fork");
        space.close();
    }

    private static void awaitStandstill(Forking forking) {
        while (!forking.hasGoneAsFarAsItCan()) {
            Thread.onSpinWait();
        }
    }
}
