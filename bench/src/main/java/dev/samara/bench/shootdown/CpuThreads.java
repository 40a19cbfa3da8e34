// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineStatistics;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Threads of one space, each with a CPU. The CPU is in GUEST except during operations, and polls while its thread waits
 * for other threads.
 */
final class CpuThreads {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    static final long PAGE = 4096;
    static final long MIB = 1 << 20;

    private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

    private final Machine machine;
    private final AddressSpace space;
    private final int size;
    private final AtomicInteger arrived = new AtomicInteger();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile int phase;
    private volatile int turn;

    private CpuThreads(Machine machine, AddressSpace space, int size) {
        this.machine = machine;
        this.space = space;
        this.size = size;
    }

    /** The work of one thread. */
    @FunctionalInterface
    interface CpuWork {
        void play(CpuThread member);
    }

    /** The totals of all members. */
    record ShootdownCounts(long shootdowns, long targets, long foreign, long wholes) {
        /** Returns the mean number of CPUs that a shootdown waited for. Only shootdowns that waited are counted. */
        double perShootdown() {
            return shootdowns == 0 ? 0 : (double) targets / shootdowns;
        }
    }

    /** Creates a machine with memory for the given number of pages, and for the frames in its CPUs' magazines. */
    static Machine machine(long pages) {
        return Machine.builder().memory(pages * PAGE + 64 * MIB).build();
    }

    /**
     * Runs the work on several threads, and counts the shootdowns during that time.
     *
     * @param size the number of threads
     */
    static ShootdownCounts play(Machine machine, AddressSpace space, int size, CpuWork work)
            throws InterruptedException {
        CpuThreads crew = new CpuThreads(machine, space, size);
        MachineStatistics before = machine.statistics();
        List<CpuThread> members = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            members.add(new CpuThread(crew, i, work));
        }
        members.forEach(Thread::start);
        long foreign = 0;
        long wholes = 0;
        for (CpuThread member : members) {
            member.join();
            foreign += member.foreign;
            wholes += member.wholes;
        }
        Throwable thrown = crew.failure.get();
        if (thrown != null) {
            throw new IllegalStateException("one of the crew has failed", thrown);
        }
        MachineStatistics after = machine.statistics();
        return new ShootdownCounts(
                after.shootdowns() - before.shootdowns(),
                after.shootdownTargets() - before.shootdownTargets(),
                foreign,
                wholes);
    }

    /** One of the threads. Other threads read its fields after it ended. */
    static final class CpuThread extends Thread {
        /** The number of spins before a thread parks; not used if there are more threads than processors. */
        private static final int SPINS = 1 << 14;

        private static final long PARK = 1_000;

        private final CpuThreads crew;
        private final int number;
        private final CpuWork work;
        private @Nullable Cpu own;

        private static final long NOWHERE = -1;

        /** The address of this thread's current operation, or of the previous one. */
        private long here = NOWHERE;

        /** The number of flushes that operations of other threads caused. */
        private long foreign;

        /** The number of flushes of the whole TLB because the CPU missed too many log records. */
        private long wholes;

        private CpuThread(CpuThreads crew, int number, CpuWork work) {
            super("crew-" + number);
            this.crew = crew;
            this.number = number;
            this.work = work;
        }

        @Override
        public void run() {
            try (Cpu cpu = crew.machine.claimCpu()) {
                own = cpu;
                cpu.switchTo(crew.space);
                cpu.enterGuest();
                // Set after the first entry, because that entry needs no flush.
                cpu.onFlush((start, end, reason, generation) -> {
                    if (end == -1) {
                        wholes++;
                    } else if (start != here) {
                        foreign++;
                    }
                });
                try {
                    together();
                    work.play(this);
                    together();
                } finally {
                    cpu.leaveGuest();
                }
            } catch (Throwable thrown) {
                crew.failure.compareAndSet(null, thrown);
            }
        }

        int number() {
            return number;
        }

        int others() {
            return crew.size - 1;
        }

        AddressSpace space() {
            return crew.space;
        }

        Cpu cpu() {
            Cpu cpu = own;
            if (cpu == null) {
                throw new IllegalStateException(getName() + " has not begun");
            }
            return cpu;
        }

        /** Waits in GUEST until a condition holds. */
        void await(BooleanSupplier done) {
            Cpu cpu = cpu();
            int spins = crew.size <= PROCESSORS ? SPINS : 0;
            while (!done.getAsBoolean()) {
                cpu.poll();
                if (crew.failure.get() != null) {
                    throw new IllegalStateException("another of the crew has failed");
                }
                if (spins > 0) {
                    spins--;
                    Thread.onSpinWait();
                } else {
                    // With a timeout, because no thread unparks this one.
                    LockSupport.parkNanos(PARK);
                }
            }
        }

        /** Waits in GUEST until all threads called this method. */
        void together() {
            int before = crew.phase;
            if (crew.arrived.incrementAndGet() == crew.size) {
                crew.arrived.set(0);
                crew.phase = before + 1;
            } else {
                await(() -> crew.phase != before);
            }
        }

        /**
         * Runs an action while all other threads are in GUEST. All threads must call this method, and {@link #together}
         * before and after it.
         */
        void inTurn(Runnable action) {
            await(() -> crew.turn == number);
            action.run();
            crew.turn = (number + 1) % crew.size;
        }

        /**
         * Runs an operation of the space outside of GUEST.
         *
         * @param start the operation's address
         * @return the time of the operation alone in nanoseconds
         */
        long operate(long start, LongSupplier operation) {
            Cpu cpu = cpu();
            here = start;
            cpu.leaveGuest();
            long began = System.nanoTime();
            long result = operation.getAsLong();
            long took = System.nanoTime() - began;
            cpu.enterGuest();
            here = NOWHERE;
            done(result);
            return took;
        }

        void write(long address, long number) {
            int result = cpu().memory().store(address, Long.BYTES, number);
            if (result != Fault.NONE) {
                throw new IllegalStateException("a write ended as " + Fault.toString(result));
            }
        }

        long read(long address) {
            GuestMemory memory = cpu().memory();
            int result = memory.load(address, Long.BYTES);
            if (result != Fault.NONE) {
                throw new IllegalStateException("a read ended as " + Fault.toString(result));
            }
            return memory.value();
        }
    }

    /** Returns the result of an operation, or throws if the operation failed. */
    static long done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("an operation failed: " + Errno.of(result));
        }
        return result;
    }
}
