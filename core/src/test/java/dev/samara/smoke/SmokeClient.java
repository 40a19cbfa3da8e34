// SPDX-License-Identifier: Apache-2.0
package dev.samara.smoke;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.guest.FlatMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.MapleTree;
import java.nio.ByteOrder;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;

/** A client of the library, in a package outside the library's modules. Prints nothing. */
@SuppressWarnings("ThreadPriorityCheck") // with one processor, other threads need the yields
public final class SmokeClient {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Mman.READ | Mman.WRITE;

    private static final class Numbers extends FlatMemory {
        Numbers(Cpu cpu) {
            super(cpu.memory(), ByteOrder.LITTLE_ENDIAN);
        }

        @Override
        protected void fault(int fault, long address, int access, int size) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    private SmokeClient() {}

    /**
     * Uses the library, and returns.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) throws Exception {
        MapleTree<String> tree = new MapleTree<>();
        tree.store(10, 19, "range");
        check("range".equals(tree.get(15)));
        try (Machine machine = Machine.builder()
                .memory(1 << 24)
                .housekeeping(moved -> Thread.yield())
                .build()) {
            use(machine, () -> {});
        }
        try (Machine machine = Machine.builder()
                .memory(1 << 24)
                .executor(Runnable::run)
                .invokedHousekeeping(true)
                .build()) {
            use(machine, machine.housekeeping()::doWork);
        }
    }

    private static void check(boolean holds) {
        if (!holds) {
            throw new IllegalStateException("not as it should be");
        }
    }

    private static void use(Machine machine, Runnable step) throws Exception {
        AddressSpace space = machine.newSpace(LINUX);
        space.addListener(change -> check(change.sequence() > 0));
        MemoryFile file = machine.newFile("/file", 1, LINUX, PAGE);
        long data = space.mmap(0, PAGE, RW, Mman.PRIVATE, file.open(), 0);
        long heap = space.mmap(0, 4 * PAGE, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            Numbers memory = new Numbers(cpu);
            memory.storeLong(heap, 42);
            memory.storeLong(data, memory.loadLong(heap) + 1);
            AddressSpace child = space.fork();
            memory.storeLong(heap, 1);
            cpu.switchTo(child);
            check(memory.loadLong(heap) == 42 && memory.loadLong(data) == 43);
            cpu.switchTo(null);
            child.close();
        }
        shootDown(machine, space, heap);
        CompletableFuture<Long> unmapped = space.munmapAsync(data, PAGE);
        while (!unmapped.isDone()) {
            step.run();
            Thread.yield();
        }
        check(unmapped.join() == 0);
        space.close();
        file.close();
        machine.awaitQuiescence();
        check(machine.statistics().framesInUse() == 0);
    }

    /** Removes the right to write from a polling CPU in GUEST. */
    private static void shootDown(Machine machine, AddressSpace space, long heap) throws InterruptedException {
        CountDownLatch inGuest = new CountDownLatch(1);
        Thread guest = new Thread(() -> {
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                Numbers memory = new Numbers(cpu);
                cpu.enterGuest();
                try {
                    while (true) {
                        memory.storeInt(heap, 1);
                        inGuest.countDown();
                        memory.poll();
                    }
                } catch (IllegalStateException signal) {
                    check(signal.getMessage() != null);
                } finally {
                    cpu.leaveGuest();
                }
            }
        });
        guest.start();
        inGuest.await();
        check(space.mprotect(heap, PAGE, Mman.READ) == 0);
        guest.join();
    }
}
