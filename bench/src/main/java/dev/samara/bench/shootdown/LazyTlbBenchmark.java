// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/**
 * The strategies for LAZY CPUs: a CPU that becomes LAZY and returns to its space (W26), a CPU that is LAZY between two
 * spaces, and the end of a space in which CPUs are LAZY (W27). With {@code -t 2} two CPUs share the spaces, except in
 * W27, where each thread has its own machine. The baseline is a counter that all threads share.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class LazyTlbBenchmark {
    /** The amount of other work in {@link #idleAfterWork}, in tokens of {@link Blackhole#consumeCPU}. */
    private static final int WORK = 100;

    /** Called by JMH. */
    public LazyTlbBenchmark() {}

    private static Machine machine(String strategy) {
        return Machine.builder()
                .memory(64 * Geometry.LINUX_X86_64.pageSize())
                .lazyTlb(LazyTlb.valueOf(strategy))
                .build();
    }

    /** Two spaces of a machine. */
    @State(Scope.Benchmark)
    public static class SpacesWithLazyCpus {
        /** The strategy for LAZY CPUs. */
        @Param({"REFERENCE_COUNT", "SHOOTDOWN", "HAZARD_POINTER", "NONE"})
        public String strategy;

        private final AtomicInteger counter = new AtomicInteger();
        private Machine machine;
        private AddressSpace one;
        private AddressSpace other;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public SpacesWithLazyCpus() {}

        /** Creates the spaces. */
        @Setup(Level.Trial)
        public void setUp() {
            machine = machine(strategy);
            one = machine.newSpace(Geometry.LINUX_X86_64);
            other = machine.newSpace(Geometry.LINUX_X86_64);
        }

        /** Closes the machine. */
        @TearDown(Level.Trial)
        public void tearDown() {
            one.close();
            other.close();
            machine.close();
        }
    }

    /** A CPU in GUEST. */
    @State(Scope.Thread)
    public static class CpuInGuest {
        private SpacesWithLazyCpus spaces;
        private Cpu cpu;

        /** Called by JMH; {@link #setUp} creates the state. */
        public CpuInGuest() {}

        /**
         * Claims the CPU.
         *
         * @param of the spaces to which it switches
         */
        @Setup(Level.Trial)
        public void setUp(SpacesWithLazyCpus of) {
            spaces = of;
            cpu = of.machine.claimCpu();
            cpu.switchTo(of.one);
            cpu.enterGuest();
        }

        /** Releases the CPU. */
        @TearDown(Level.Trial)
        public void tearDown() {
            cpu.leaveGuest();
            cpu.close();
        }

        private void idleAndGoTo(AddressSpace next) {
            cpu.leaveGuest();
            cpu.enterLazy();
            cpu.switchTo(next);
            cpu.enterGuest();
        }
    }

    /** Many CPUs of one thread. */
    @State(Scope.Thread)
    public static class Many {
        /** The strategy for LAZY CPUs. */
        @Param({"REFERENCE_COUNT", "SHOOTDOWN", "HAZARD_POINTER", "NONE"})
        public String strategy;

        /** The number of CPUs. */
        @Param({"1", "2", "8", "64"})
        public int cpus;

        private Machine machine;
        private Cpu[] all;

        /** Called by JMH; {@link #setUp} creates the state. */
        public Many() {}

        /** Claims the CPUs. */
        @Setup(Level.Trial)
        public void setUp() {
            machine = machine(strategy);
            all = new Cpu[cpus];
            for (int i = 0; i < cpus; i++) {
                all[i] = machine.claimCpu();
            }
        }

        /** Releases the CPUs. */
        @TearDown(Level.Trial)
        public void tearDown() {
            for (Cpu cpu : all) {
                cpu.close();
            }
            machine.close();
        }
    }

    /**
     * Becomes LAZY, and returns to the space.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("W26: a CPU becomes LAZY, and returns to its space")
    public void idleAndBack(CpuInGuest of) {
        of.idleAndGoTo(of.spaces.one);
    }

    /**
     * Does other work, becomes LAZY, and returns to the space.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("a CPU becomes LAZY, and returns to its space, with other work in between")
    public void idleAfterWork(CpuInGuest of) {
        Blackhole.consumeCPU(WORK);
        of.idleAndGoTo(of.spaces.one);
    }

    /** Does only the other work of {@link #idleAfterWork}, without a CPU. */
    @Benchmark
    @About("the other work alone")
    public void work() {
        Blackhole.consumeCPU(WORK);
    }

    /**
     * Becomes LAZY, switches to another space, and returns in the same way.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("a CPU becomes LAZY, and then goes to another space")
    @OperationsPerInvocation(2)
    public void idleBetween(CpuInGuest of) {
        of.idleAndGoTo(of.spaces.other);
        of.idleAndGoTo(of.spaces.one);
    }

    /**
     * Updates a shared counter twice, as if becoming LAZY and returning each updated a reference count.
     *
     * @param of the spaces
     * @return the counter
     */
    @Benchmark
    @About("two updates of a shared counter")
    public int counter(SpacesWithLazyCpus of) {
        of.counter.getAndIncrement();
        return of.counter.decrementAndGet();
    }

    /**
     * Creates a space, lets each CPU become LAZY in it, closes the space, and removes the CPUs from it.
     *
     * @param of the CPUs
     */
    @Benchmark
    @About("W27: a space walks over all CPUs, and ends")
    public void walkAndEnd(Many of) {
        AddressSpace space = of.machine.newSpace(Geometry.LINUX_X86_64);
        for (Cpu cpu : of.all) {
            cpu.switchTo(space);
            cpu.enterLazy();
        }
        space.close();
        for (Cpu cpu : of.all) {
            cpu.switchTo(null);
        }
    }
}
