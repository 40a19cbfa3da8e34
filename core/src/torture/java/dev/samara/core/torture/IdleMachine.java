// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Measures a machine that is idle after it was used: its threads, the CPU time of the Java threads and of the process,
 * and whether the machine is garbage-collected after the last reference is dropped. The argument is the duration in
 * seconds. Exits with status 1 if a thread is left, or if the machine is not collected.
 */
public final class IdleMachine {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private IdleMachine() {}

    /**
     * Measures an idle machine.
     *
     * @param arguments the duration in seconds
     */
    public static void main(String[] arguments) throws InterruptedException {
        long seconds = Long.parseLong(arguments[0]);
        Machine machine = Machine.builder().memory(1 << 24).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        work(machine, space);
        machine.awaitQuiescence();
        long since = System.nanoTime();
        while (threads() > 0) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
        }
        System.out.printf(Locale.ROOT, "its threads have ended after %.1f s%n", (System.nanoTime() - since) / 1e9);
        long others = othersCpuNanos();
        long process = processCpuNanos();
        try {
            for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds); System.nanoTime() < end; ) {
                LockSupport.parkNanos(end - System.nanoTime());
            }
        } finally {
            Reference.reachabilityFence(machine);
            Reference.reachabilityFence(space);
        }
        long found = threads();
        System.out.printf(
                Locale.ROOT,
                "in %d s: %d threads of the machine, %.3f ms of other Java threads, %.3f ms of the process%n",
                seconds,
                found,
                (othersCpuNanos() - others) / 1e6,
                (processCpuNanos() - process) / 1e6);
        WeakReference<Machine> dropped = new WeakReference<>(machine);
        machine = null;
        space = null;
        for (int i = 0; i < 100 && dropped.get() != null; i++) {
            System.gc();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
        }
        System.out.println(dropped.get() == null ? "collected, with an open space" : "not collected");
        System.exit(found == 0 && dropped.get() == null ? 0 : 1);
    }

    private static void work(Machine machine, AddressSpace space) {
        for (int i = 0; i < 1000; i++) {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS;
            long at = space.mmap(0, PAGE, Mman.READ | Mman.WRITE, flags, null, 0);
            try (Cpu cpu = machine.claimCpu()) {
                cpu.switchTo(space);
                cpu.memory().store(at, 8, i);
            }
            space.munmapAsync(at, PAGE).join();
        }
    }

    private static long threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("samara-"))
                .count();
    }

    /** Returns the CPU time of all Java threads except the current one. */
    private static long othersCpuNanos() {
        return Arrays.stream(THREADS.getAllThreadIds())
                .filter(id -> id != Thread.currentThread().getId())
                .map(THREADS::getThreadCpuTime)
                .filter(nanos -> nanos > 0)
                .sum();
    }

    private static long processCpuNanos() {
        return ProcessHandle.current()
                .info()
                .totalCpuDuration()
                .orElse(Duration.ZERO)
                .toNanos();
    }
}
