// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.mman.MapFlags.ANONYMOUS;
import static dev.samara.core.mman.MapFlags.NORESERVE;
import static dev.samara.core.mman.MapFlags.PRIVATE;
import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Measures operations while other operations, elsewhere in the space, are held between publication and completion.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar held-in-retire --operations 1000000 --rounds 5 --json FILE}. In the
 * first part, an {@code munmap}, a {@code MAP_FIXED} and an {@code mremap} of Samara are held at the same time. One
 * thread runs lookups, references, mmaps, munmaps and mprotects elsewhere, alternating with the same number of
 * operations while nothing is held. The figure is the ratio of the two rates, the median over the rounds. In the second
 * part, one operation at a time is held, for each contender; the report counts the operations that other threads
 * complete concurrently.
 */
public final class HeldInRetire {
    private static final String[] WHAT = {"lookup", "acquire", "mmap", "munmap", "mprotect"};
    private static final int PLACED = PRIVATE | ANONYMOUS | NORESERVE;

    /** The number of mappings that are created before the same number is removed. */
    private static final int BLOCK = 500;

    private final int vmas;
    private final int operations;
    private final int rounds;
    private final double seconds;
    private final Figures figures;
    private final long[] addresses;

    private HeldInRetire(String[] words) {
        Arguments arguments = new Arguments(words);
        vmas = arguments.count("--vmas", 1, 1000);
        operations = arguments.count("--operations", 1, 1_000_000);
        rounds = arguments.count("--rounds", 1, 5);
        seconds = arguments.number("--seconds", 1);
        String json = arguments.text("--json", "");
        arguments.check();
        addresses = Ground.picks(vmas, 2);
        figures = new Figures(HeldInRetire.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment, and also {@code --vmas} and {@code --seconds}, the time of the
     *     second part
     * @throws InterruptedException if the program is interrupted
     */
    public static void main(String[] arguments) throws InterruptedException {
        HeldInRetire program = new HeldInRetire(arguments);
        program.elsewhere();
        program.othersMeanwhile();
        program.figures.write();
    }

    private void elsewhere() throws InterruptedException {
        AddressSpace space = Ground.prepare(vmas);
        Held.Gatekeeper gatekeeper = new Held.Gatekeeper();
        Contender samara = Contenders.named(Contenders.SAMARA, space, gatekeeper);
        measure(samara, Math.max(BLOCK, operations / 2), gatekeeper, false);
        measure(samara, Math.max(BLOCK, operations / 2), gatekeeper, true);

        double[][] rates = new double[WHAT.length][rounds];
        double[][] ratios = new double[WHAT.length][rounds];
        double[][] processorRatios = new double[WHAT.length][rounds];
        for (int round = 0; round < rounds; round++) {
            // The order of the two measurements alternates.
            boolean heldFirst = round % 2 == 1;
            Stopwatch[] one = measure(samara, operations, gatekeeper, heldFirst);
            Stopwatch[] other = measure(samara, operations, gatekeeper, !heldFirst);
            for (int i = 0; i < WHAT.length; i++) {
                Stopwatch undisturbed = heldFirst ? other[i] : one[i];
                Stopwatch held = heldFirst ? one[i] : other[i];
                rates[i][round] = undisturbed.perSecond();
                ratios[i][round] = held.perSecond() / undisturbed.perSecond();
                processorRatios[i][round] = held.perProcessorSecond() / undisturbed.perProcessorSecond();
            }
        }
        space.validate();

        Figures.line("%nsamara, %d of each, %d rounds", operations, rounds);
        Figures.line("%-9s %16s %7s %18s", "", "undisturbed /s", "held", "by processor time");
        for (int i = 0; i < WHAT.length; i++) {
            double rate = Figures.median(rates[i]);
            double ratio = Figures.median(ratios[i]);
            double processorRatio = Figures.median(processorRatios[i]);
            Figures.line("%-9s %16.0f %7.3f %18.3f", WHAT[i], rate, ratio, processorRatio);
            figures.row(
                    "what",
                    WHAT[i],
                    "undisturbed_per_second",
                    rate,
                    "held_by_undisturbed",
                    ratio,
                    "by_processor_time",
                    processorRatio);
        }
        for (int i = 0; i < WHAT.length; i++) {
            figures.goal(WHAT[i] + "s elsewhere, held / undisturbed", Figures.median(ratios[i]), ">= 0.9");
        }
    }

    /** The wall-clock time and the CPU time of operations on one thread. */
    private static final class Stopwatch {
        private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

        private long count;
        private long nanos;
        private long processorNanos;

        void start() {
            nanos -= System.nanoTime();
            processorNanos -= CLOCK.getCurrentThreadCpuTime();
        }

        void stop(int done) {
            nanos += System.nanoTime();
            processorNanos += CLOCK.getCurrentThreadCpuTime();
            count += done;
        }

        double perSecond() {
            return count * 1e9 / nanos;
        }

        /** Returns the rate per second of CPU time, which includes neither waits nor other load on the machine. */
        double perProcessorSecond() {
            return count * 1e9 / processorNanos;
        }
    }

    /** Measures each kind of operation, while three operations are held or while none is. */
    private Stopwatch[] measure(Contender contender, int count, Held.Gatekeeper gatekeeper, boolean isHeld)
            throws InterruptedException {
        List<Held> held = new ArrayList<>();
        if (isHeld) {
            for (Held.Kind kind : Held.Kind.values()) {
                held.add(new Held(kind, contender, gatekeeper));
            }
        }
        Stopwatch[] times = new Stopwatch[WHAT.length];
        Arrays.setAll(times, i -> new Stopwatch());
        readings(contender, count, times[0], this::lookUp);
        readings(contender, count, times[1], this::acquire);
        mappings(contender, count, times[2], times[3]);
        protections(contender, count, times[4]);
        for (Held one : held) {
            one.release();
        }
        return times;
    }

    private static void readings(Contender contender, int count, Stopwatch time, Step step) {
        time.start();
        for (int i = 0; i < count; i++) {
            step.take(contender, i);
        }
        time.stop(count);
    }

    private static void protections(Contender contender, int count, Stopwatch time) {
        long own = Ground.own(0);
        Ground.done(contender.mmap(own, Ground.LENGTH, READ | WRITE, Ground.HERE, null));
        time.start();
        for (int i = 0; i < count; i++) {
            Ground.done(contender.mprotect(own, Ground.LENGTH, i % 2 == 0 ? READ : READ | WRITE));
        }
        time.stop(count);
        Ground.done(contender.munmap(own, Ground.LENGTH));
    }

    /** Places each mapping next to the previous one, but with different rights, so that no two are merged. */
    private static void mappings(Contender contender, int count, Stopwatch mapping, Stopwatch unmapping) {
        long[] placed = new long[BLOCK];
        int blocks = Math.max(1, count / BLOCK);
        for (int block = 0; block < blocks; block++) {
            mapping.start();
            for (int i = 0; i < BLOCK; i++) {
                int rights = i % 2 == 0 ? READ : READ | WRITE;
                placed[i] = Ground.done(contender.mmap(0, Ground.LENGTH, rights, PLACED, null));
            }
            mapping.stop(BLOCK);
            unmapping.start();
            for (int i = 0; i < BLOCK; i++) {
                Ground.done(contender.munmap(placed[i], Ground.LENGTH));
            }
            unmapping.stop(BLOCK);
        }
    }

    private void othersMeanwhile() throws InterruptedException {
        Figures.line("%nCompleted by others in %.1f s while one operation is held:", seconds);
        Figures.line(
                "%-17s %-10s %11s %11s   %11s %11s %11s",
                "contender", "held", "lookups", "acquires", "map+unmap", "mprotects", "lookups*");
        for (String name : Contenders.NAMES) {
            AddressSpace space = Ground.prepare(vmas);
            Held.Gatekeeper gatekeeper = new Held.Gatekeeper();
            Contender contender = Contenders.named(name, space, gatekeeper);
            for (Held.Kind kind : Held.Kind.values()) {
                long[] readers = meanwhile(kind, contender, gatekeeper, this::lookUp, this::acquire);
                long[] all = meanwhile(kind, contender, gatekeeper, this::mapAndUnmap, this::protect, this::lookUp);
                Figures.line(
                        "%-17s %-10s %11d %11d   %11d %11d %11d",
                        name, kind, readers[0], readers[1], all[0], all[1], all[2]);
                figures.row(
                        "contender",
                        name,
                        "held",
                        kind,
                        "look_ups",
                        readers[0],
                        "acquires",
                        readers[1],
                        "maps_and_unmaps",
                        all[0],
                        "mprotects",
                        all[1],
                        "look_ups_beside_operations",
                        all[2]);
            }
            space.validate();
        }
        Figures.line("* beside the operations of the two columns before");
    }

    /** One repeated operation. */
    private interface Step {
        void take(Contender contender, int number);
    }

    private void lookUp(Contender contender, int number) {
        if (contender.find(picked(number)) == null) {
            throw new IllegalStateException("nothing found where something is");
        }
    }

    private void acquire(Contender contender, int number) {
        if (!contender.acquireAndRelease(picked(number))) {
            throw new IllegalStateException("no reference where something is mapped");
        }
    }

    private long picked(int number) {
        return addresses[number & (Ground.PICKS - 1)];
    }

    private void mapAndUnmap(Contender contender, int number) {
        Ground.done(contender.mmap(Ground.own(0), Ground.LENGTH, READ, Ground.HERE, null));
        Ground.done(contender.munmap(Ground.own(0), Ground.LENGTH));
    }

    /** The first call maps the range that all calls change. It stays mapped, which is harmless. */
    private void protect(Contender contender, int number) {
        if (number == 0) {
            Ground.done(contender.mmap(Ground.own(1), Ground.LENGTH, READ, Ground.HERE, null));
        }
        Ground.done(contender.mprotect(Ground.own(1), Ground.LENGTH, number % 2 == 0 ? READ | WRITE : READ));
    }

    private long[] meanwhile(Held.Kind kind, Contender contender, Held.Gatekeeper gatekeeper, Step... steps)
            throws InterruptedException {
        Held held = new Held(kind, contender, gatekeeper);
        List<Repeated> threads = new ArrayList<>();
        for (Step step : steps) {
            threads.add(new Repeated(contender, step));
        }
        threads.forEach(Thread::start);
        // The duration of the measurement, not a wait for a condition.
        Thread.sleep((long) (seconds * 1000));
        long[] counts = threads.stream().mapToLong(thread -> thread.done).toArray();
        threads.forEach(thread -> thread.over = true);
        held.release();
        for (Repeated thread : threads) {
            thread.join();
            Throwable thrown = thread.failure.get();
            if (thrown != null) {
                throw new IllegalStateException("a thread beside the held operation failed", thrown);
            }
        }
        return counts;
    }

    /** A thread that repeats one step. */
    private static final class Repeated extends Thread {
        private final Contender contender;
        private final Step step;
        private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        private volatile boolean over;
        private volatile long done;

        Repeated(Contender contender, Step step) {
            this.contender = contender;
            this.step = step;
        }

        @Override
        public void run() {
            try {
                for (int i = 0; !over; i++) {
                    step.take(contender, i);
                    // No update is lost: only this thread writes the field.
                    done = i + 1L;
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }
    }
}
