// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import java.util.concurrent.TimeUnit;
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

/**
 * A CPU that leaves a space and returns, or switches to another space. Each leave and each arrival updates the space's
 * count of users.
 *
 * <p>All threads share the spaces, so with {@code -t 2} two CPUs update the count of one space. The baseline, {@code
 * stay}, leaves GUEST and enters it again in the same space.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class SwitchBenchmark {
    /** Called by JMH. */
    public SwitchBenchmark() {}

    /** Two spaces. */
    @State(Scope.Benchmark)
    public static class TwoSpaces {
        private Machine machine;
        private AddressSpace one;
        private AddressSpace other;

        /** Called by JMH; {@link #setUp()} creates the state. */
        public TwoSpaces() {}

        /** Creates the spaces. */
        @Setup(Level.Trial)
        public void setUp() {
            machine = CpuThreads.machine(1);
            one = machine.newSpace(CpuThreads.GEOMETRY);
            other = machine.newSpace(CpuThreads.GEOMETRY);
        }

        /** Closes the spaces. */
        @TearDown(Level.Trial)
        public void tearDown() {
            one.close();
            other.close();
        }
    }

    /** The space of an idle CPU. */
    enum IdleSpace {
        /** No space. */
        NONE {
            @Override
            void enter(Cpu cpu) {
                cpu.switchTo(null);
            }
        },
        /** Its previous space, which it does not use. */
        LAZY {
            @Override
            void enter(Cpu cpu) {
                cpu.enterLazy();
            }
        };

        abstract void enter(Cpu cpu);
    }

    /** A CPU in GUEST. */
    @State(Scope.Thread)
    public static class Running {
        private AddressSpace one;
        private AddressSpace other;
        private Cpu cpu;

        /** Called by JMH; {@link #setUp} creates the state. */
        public Running() {}

        /**
         * Claims the CPU.
         *
         * @param spaces the spaces to which it switches
         */
        @Setup(Level.Trial)
        public void setUp(TwoSpaces spaces) {
            one = spaces.one;
            other = spaces.other;
            cpu = spaces.machine.claimCpu();
            cpu.switchTo(one);
            cpu.enterGuest();
        }

        /** Releases the CPU. */
        @TearDown(Level.Trial)
        public void tearDown() {
            cpu.leaveGuest();
            cpu.close();
        }

        /**
         * Returns the number of users of the space to which the CPU returns.
         *
         * @return the number of CPUs that use it
         */
        int users() {
            return one.cpus();
        }
    }

    /** A CPU that is sometimes idle. */
    @State(Scope.Thread)
    public static class Idling extends Running {
        /** The space while the CPU is idle. */
        @Param({"NONE", "LAZY"})
        public String idle;

        private IdleSpace how;

        /** Called by JMH; {@link #choose} completes the state. */
        public Idling() {}

        /** Parses the parameter. */
        @Setup(Level.Trial)
        public void choose() {
            how = IdleSpace.valueOf(idle);
        }
    }

    /**
     * Becomes idle, and returns to its previous space.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("a CPU becomes idle, and returns to its space")
    public void idleAndBack(Idling of) {
        Cpu cpu = ((Running) of).cpu;
        cpu.leaveGuest();
        of.how.enter(cpu);
        cpu.switchTo(((Running) of).one);
        cpu.enterGuest();
    }

    /**
     * Switches to another space, and back.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("a CPU goes from one space to another")
    @OperationsPerInvocation(2)
    public void otherSpace(Running of) {
        Cpu cpu = of.cpu;
        cpu.leaveGuest();
        cpu.switchTo(of.other);
        cpu.enterGuest();
        cpu.leaveGuest();
        cpu.switchTo(of.one);
        cpu.enterGuest();
    }

    /**
     * Leaves GUEST, and enters it again.
     *
     * @param of the CPU
     */
    @Benchmark
    @About("a CPU leaves GUEST and enters it, in its space")
    public void stay(Running of) {
        of.cpu.leaveGuest();
        of.cpu.enterGuest();
    }
}
