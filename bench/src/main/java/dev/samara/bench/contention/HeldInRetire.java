// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import static dev.samara.core.vma.MapFlags.ANONYMOUS;
import static dev.samara.core.vma.MapFlags.NORESERVE;
import static dev.samara.core.vma.MapFlags.PRIVATE;
import static dev.samara.core.vma.Protection.READ;
import static dev.samara.core.vma.Protection.WRITE;

import dev.samara.core.AddressSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What goes on elsewhere in a space while operations are held between publication and completion.
 *
 * <p>{@code java -cp bench/target/benchmarks.jar dev.samara.bench.contention.HeldInRetire --operations 1000000 --rounds 5
 * --json FILE}. First an {@code munmap}, a {@code MAP_FIXED} and an {@code mremap} of Samara's are held at once, and one
 * thread does a number of look-ups, keeps, mmaps, munmaps and mprotects elsewhere, in turn with as many while nothing is
 * held; the figure is the median over the rounds of the ratio of both rates. Then one operation at a time is held with
 * each contender, and what others complete meanwhile is counted.
 */
public final class HeldInRetire {
    private static final String[] WHAT = {"look-up", "keep", "mmap", "munmap", "mprotect"};
    private static final int PLACED = PRIVATE | ANONYMOUS | NORESERVE;

    /** So many mappings are made before as many are removed. */
    private static final int BLOCK = 500;

    private final int vmas;
    private final int operations;
    private final int rounds;
    private final double seconds;
    private final Figures figures;
    private final long[] addresses;

    private HeldInRetire(String[] words) {
        Arguments arguments = new Arguments(words);
        vmas = arguments.count("--vmas", 1000);
        operations = arguments.count("--operations", 1_000_000);
        rounds = arguments.count("--rounds", 5);
        seconds = arguments.number("--seconds", 1);
        String json = arguments.text("--json", "");
        arguments.check();
        addresses = Ground.picks(vmas, 2);
        figures = new Figures(HeldInRetire.class, words, json);
    }

    /**
     * Measures and prints.
     *
     * @param arguments see above; {@code --vmas} and {@code --seconds}, the time of the second part, too
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

        double[][] ratios = new double[WHAT.length][rounds];
        double[][] rates = new double[WHAT.length][rounds];
        for (int round = 0; round < rounds; round++) {
            // Each goes first in every other round.
            boolean heldFirst = round % 2 == 1;
            double[] one = measure(samara, operations, gatekeeper, heldFirst);
            double[] other = measure(samara, operations, gatekeeper, !heldFirst);
            for (int i = 0; i < WHAT.length; i++) {
                rates[i][round] = heldFirst ? other[i] : one[i];
                ratios[i][round] = (heldFirst ? one[i] : other[i]) / rates[i][round];
            }
        }
        space.validate();

        Figures.line("%nsamara, %d of each, %d rounds", operations, rounds);
        Figures.line("%-9s %16s %7s", "", "undisturbed /s", "held");
        for (int i = 0; i < WHAT.length; i++) {
            double rate = Figures.median(rates[i]);
            double ratio = Figures.median(ratios[i]);
            Figures.line("%-9s %16.0f %7.3f", WHAT[i], rate, ratio);
            figures.row("what", WHAT[i], "undisturbed_per_second", rate, "held_by_undisturbed", ratio);
        }
        for (int i = 0; i < WHAT.length; i++) {
            figures.goal(WHAT[i] + "s elsewhere, held / undisturbed", Figures.median(ratios[i]), ">= 0.9");
        }
    }

    /** The rate of each thing, with or without three operations held. */
    private double[] measure(Contender contender, int count, Held.Gatekeeper gatekeeper, boolean isHeld)
            throws InterruptedException {
        List<Held> held = new ArrayList<>();
        if (isHeld) {
            for (Held.Kind kind : Held.Kind.values()) {
                held.add(new Held(kind, contender, gatekeeper));
            }
        }
        double[] rates = {lookUps(contender, count), keeps(contender, count), 0, 0, protections(contender, count)};
        mappings(contender, count, rates);
        for (Held one : held) {
            one.release();
        }
        return rates;
    }

    private static double perSecond(int count, long nanos) {
        return count * 1e9 / nanos;
    }

    private double lookUps(Contender contender, int count) {
        long[] picks = Ground.picks(vmas, 1);
        int found = 0;
        long before = System.nanoTime();
        for (int i = 0; i < count; i++) {
            if (contender.find(picks[i & (Ground.PICKS - 1)]) != null) {
                found++;
            }
        }
        return perSecond(found, System.nanoTime() - before);
    }

    private double keeps(Contender contender, int count) {
        long[] picks = Ground.picks(vmas, 1);
        int found = 0;
        long before = System.nanoTime();
        for (int i = 0; i < count; i++) {
            if (contender.keepAndRelease(picks[i & (Ground.PICKS - 1)])) {
                found++;
            }
        }
        return perSecond(found, System.nanoTime() - before);
    }

    private static double protections(Contender contender, int count) {
        long own = Ground.own(0);
        Ground.done(contender.mmap(own, Ground.LENGTH, READ | WRITE, Ground.HERE, null));
        long before = System.nanoTime();
        for (int i = 0; i < count; i++) {
            Ground.done(contender.mprotect(own, Ground.LENGTH, i % 2 == 0 ? READ : READ | WRITE));
        }
        double rate = perSecond(count, System.nanoTime() - before);
        Ground.done(contender.munmap(own, Ground.LENGTH));
        return rate;
    }

    /** Each is placed beside the one before, with other rights, so that none are joined. */
    private static void mappings(Contender contender, int count, double[] rates) {
        long[] placed = new long[BLOCK];
        long mapping = 0;
        long unmapping = 0;
        int blocks = Math.max(1, count / BLOCK);
        for (int block = 0; block < blocks; block++) {
            long before = System.nanoTime();
            for (int i = 0; i < BLOCK; i++) {
                int rights = i % 2 == 0 ? READ : READ | WRITE;
                placed[i] = Ground.done(contender.mmap(0, Ground.LENGTH, rights, PLACED, null));
            }
            long between = System.nanoTime();
            for (int i = 0; i < BLOCK; i++) {
                Ground.done(contender.munmap(placed[i], Ground.LENGTH));
            }
            mapping += between - before;
            unmapping += System.nanoTime() - between;
        }
        rates[2] = perSecond(blocks * BLOCK, mapping);
        rates[3] = perSecond(blocks * BLOCK, unmapping);
    }

    private void othersMeanwhile() throws InterruptedException {
        Figures.line("%nCompleted by others in %.1f s while one operation is held:", seconds);
        Figures.line(
                "%-17s %-10s %11s %11s   %11s %11s %11s",
                "contender", "held", "look-ups", "keeps", "map+unmap", "mprotects", "look-ups*");
        for (String name : Contenders.NAMES) {
            AddressSpace space = Ground.prepare(vmas);
            Held.Gatekeeper gatekeeper = new Held.Gatekeeper();
            Contender contender = Contenders.named(name, space, gatekeeper);
            for (Held.Kind kind : Held.Kind.values()) {
                long[] readers = meanwhile(kind, contender, gatekeeper, this::lookUp, this::keep);
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
                        "keeps",
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

    /** Something that is done over and over. */
    private interface Step {
        void take(Contender contender, int number);
    }

    private void lookUp(Contender contender, int number) {
        if (contender.find(picked(number)) == null) {
            throw new IllegalStateException("nothing found where something is");
        }
    }

    private void keep(Contender contender, int number) {
        if (!contender.keepAndRelease(picked(number))) {
            throw new IllegalStateException("nothing kept where something is");
        }
    }

    private long picked(int number) {
        return addresses[number & (Ground.PICKS - 1)];
    }

    private void mapAndUnmap(Contender contender, int number) {
        Ground.done(contender.mmap(Ground.own(0), Ground.LENGTH, READ, Ground.HERE, null));
        Ground.done(contender.munmap(Ground.own(0), Ground.LENGTH));
    }

    /** The first one maps what the others are about; nothing unmaps it, which hurts nobody. */
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

    /** A thread that takes a step over and over. */
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
                    // Written by this thread only, so nothing is lost.
                    done = i + 1L;
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        }
    }
}
