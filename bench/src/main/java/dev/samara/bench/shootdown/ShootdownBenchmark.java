// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.shootdown;

import dev.samara.bench.About;
import dev.samara.core.internal.tlb.CpuTlb;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Group;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Control;

/**
 * A shootdown of one page and the peer's acknowledgement: only the protocol, below the facade.
 *
 * <p>The baselines are {@code pingPong}, the round trip of a volatile word between two threads, and {@code nobody}, a
 * shootdown of a page whose translation is cached only by a CPU outside of GUEST. In a group, only the figure of the
 * method whose name starts with {@code shoot} or {@code ping} is meaningful. The peer leaves GUEST between its
 * invocations, which are long, so no thread waits for a stopped peer. {@link ShootdownReport} measures all of them in
 * one run, in turns.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch"})
public class ShootdownBenchmark {
    private static final int POLLS = 1 << 14;

    /** Called by JMH. */
    public ShootdownBenchmark() {}

    /** The page that is shot down. */
    @State(Scope.Group)
    public static class Target {
        private final Pair pair = new Pair();

        /** Called by JMH. */
        public Target() {}

        /** Returns how many CPUs shootdowns waited for. */
        long targets() {
            return pair.targets();
        }
    }

    /** A CPU that caches the page's translation. */
    @State(Scope.Thread)
    public static class PeerCpu {
        private Pair pair;
        private CpuTlb cpu;

        /** Called by JMH; {@link #setUp} creates the state. */
        public PeerCpu() {}

        /**
         * Brings the CPU online.
         *
         * @param target the page whose translation it caches
         */
        @Setup(Level.Trial)
        public void setUp(Target target) {
            pair = target.pair;
            cpu = pair.claim();
        }

        /** Takes the CPU offline. */
        @TearDown(Level.Trial)
        public void tearDown() {
            cpu.close();
        }

        long poll(int loads) {
            long sum = 0;
            cpu.enterGuest();
            for (int i = 0; i < POLLS; i++) {
                sum += pair.loads(cpu, i * loads, loads);
                cpu.poll();
            }
            cpu.leaveGuest();
            return sum;
        }
    }

    /** A peer in GUEST. */
    @State(Scope.Thread)
    public static class Polling extends PeerCpu {
        /** The number of loads before a poll. */
        @Param({"0", "16", "64"})
        public int loads;

        /** Called by JMH. */
        public Polling() {}

        private long poll() {
            return poll(loads);
        }
    }

    /** The word that the two threads exchange. */
    @State(Scope.Group)
    public static class Word {
        private volatile long word;
        private long sent;

        /** Called by JMH. */
        public Word() {}
    }

    /**
     * Sends the word, and waits for the answer.
     *
     * @param word the word
     * @param control shows whether the other thread still answers
     */
    @Benchmark
    @Group("pingPong")
    @About("the round trip of a volatile word between two threads")
    public void ping(Word word, Control control) {
        long answer = word.sent + 2;
        word.sent = answer;
        word.word = answer - 1;
        while (word.word != answer && !control.stopMeasurement) {
            // Spins without a pause, so that the baseline is not slower than the fastest shootdown.
        }
    }

    /**
     * Answers the word.
     *
     * @param word the word
     */
    @Benchmark
    @Group("pingPong")
    public void pong(Word word) {
        for (int i = 0; i < POLLS; i++) {
            long got = word.word;
            if ((got & 1) != 0) {
                word.word = got + 1;
            }
        }
    }

    /**
     * Shoots down a page while no CPU is in GUEST.
     *
     * @param target the page
     * @param peer a CPU that caches the page's translation
     */
    @Benchmark
    @Group("nobody")
    @About("a shootdown of a page that only a CPU outside of GUEST has")
    public void shootNobody(Target target, PeerCpu peer) {
        target.pair.shoot();
    }

    /**
     * Shoots down a page.
     *
     * @param target the page
     */
    @Benchmark
    @Group("polling")
    @About("a shootdown of a page that another CPU has, which polls after every so many loads")
    public void shoot(Target target) {
        target.pair.shoot();
    }

    /**
     * Loads and polls.
     *
     * @param peer the CPU
     * @return the sum, always 0
     */
    @Benchmark
    @Group("polling")
    public long poll(Polling peer) {
        return peer.poll();
    }
}
