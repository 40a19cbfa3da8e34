// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.InvariantViolation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;

/** CPUs and changers of one space, for a set time. The seed decides what each thread does, not how they interleave. */
public final class Storm {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long MEMORY = 1 << 26;
    private static final int PAGES = 24;
    private static final long BASE = 0x10_0000_0000L;
    private static final long FAR = 1L << 30;
    private static final int RIVALS = 6;

    /** Far beyond any step: a thread that has not stopped by then waits for something that will not come. */
    private static final long PATIENCE_NANOS = 30_000_000_000L;

    private static final long SECOND_NANOS = 1_000_000_000L;

    /** What a second must meet at the least: a small part of what it does on two processors. */
    private static final int LEAST_ACCESSES = 1000;

    private static final int LEAST_TARGETS = 5;

    /** So often a CPU is in GUEST before it goes offline; and one of so many never does. */
    private static final int STEPS = 200;

    private static final int DYING = 8;

    private final int seconds;
    private final int cpus;
    private final long seed;
    private final Judges judges = new Judges();
    private final boolean checked;
    private final Machine machine;
    private final AddressSpace space;
    private final MemoryFile file;
    private final MemoryFile rivals;
    private final List<Plot> plots = new ArrayList<>();
    private final AtomicLongArray added = new AtomicLongArray(PAGES);
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean over;

    /**
     * Makes a storm, not yet begun.
     *
     * @param seconds how long it lasts
     * @param cpus how many CPUs access memory
     * @param seed what the threads' random choices begin with
     * @param checked whether the machine judges each access itself, besides
     */
    public Storm(int seconds, int cpus, long seed, boolean checked) {
        Machine.Builder builder = Machine.builder().memory(MEMORY).poisonFrames();
        machine = (checked ? builder.checked() : builder).build();
        space = machine.newSpace(GEOMETRY);
        file = machine.newFile("/storm", 1, GEOMETRY, PAGES * Plot.PAGE);
        rivals = machine.newFile("/rivals", 2, GEOMETRY, RIVALS * Plot.PAGE);
        this.checked = checked;
        this.seconds = seconds;
        this.cpus = cpus;
        this.seed = seed;
        // In one leaf table, so that they meet there too; a page apart, so that nothing is merged across.
        plots.add(new Plot(1, BASE, PAGES, PAGES));
        plots.add(new Plot(2, BASE + (PAGES + 1) * Plot.PAGE, PAGES, PAGES));
        // In a leaf of its own, which comes and goes with it, and the mask of the CPUs that have been there.
        plots.add(new Plot(3, BASE + FAR, 2, 2));
        plots.add(new Plot(4, BASE + 2 * FAR, RIVALS, RIVALS).unjudged());
        plots.add(new Plot(5, BASE + 2 * (PAGES + 1) * Plot.PAGE, 2 * PAGES, PAGES));
    }

    /**
     * What a storm has done so far.
     *
     * @param accesses by CPUs in GUEST
     * @param overlaps accesses that met a change of their page
     * @param changes calls that took something away or gave it again
     * @param shootdowns how often CPUs were waited for
     * @param targets how many CPUs then, in all
     */
    public record Counts(long accesses, long overlaps, long changes, long shootdowns, long targets) {}

    /** Told each second. */
    @FunctionalInterface
    public interface Listener {
        /**
         * Takes what was done so far.
         *
         * @param counts since the beginning
         */
        void counted(Counts counts);
    }

    /**
     * What became of it.
     *
     * @param lines one per invariant
     * @param passed how many held
     * @param failed how many did not, or were never checked
     */
    public record Verdict(List<String> lines, int passed, int failed) {}

    /**
     * Runs it, once.
     *
     * @param listener told each second, on the calling thread
     * @return what became of it
     * @throws InterruptedException if the calling thread is interrupted
     */
    public Verdict run(Listener listener) throws InterruptedException {
        start("anonymous", random -> changes(new Changer.Anonymous(space, plots.get(0), random)));
        start("shared", random -> changes(new Changer.Shared(space, plots.get(1), random, file)));
        start("fleeting", random -> changes(new Changer.Fleeting(space, plots.get(2), random)));
        start("mapped", random -> changes(new Changer.Mapped(space, plots.get(3), random, rivals)));
        start("cut", random -> changes(new Changer.Cut(space, plots.get(3), random, rivals)));
        Thread keeper = start("kept", this::keeps);
        for (int n = 0; n < cpus; n++) {
            start("cpu-" + n, this::accesses);
        }
        threads.forEach(Thread::start);
        long begin = System.nanoTime();
        for (int second = 1; second <= seconds; second++) {
            long until = begin + second * SECOND_NANOS;
            while (System.nanoTime() - until < 0) {
                LockSupport.parkNanos(until - System.nanoTime());
                if (Thread.interrupted()) {
                    over = true;
                    throw new InterruptedException();
                }
            }
            listener.counted(counts());
        }
        over = true;
        boolean stopped = true;
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        for (Thread thread : threads) {
            if (thread != keeper) {
                stopped &= hasStopped(thread, deadline);
            }
        }
        LockSupport.unpark(keeper);
        stopped &= hasStopped(keeper, deadline + SECOND_NANOS);
        judgeStrength();
        if (stopped) {
            close();
        }
        if (checked) {
            judges.hardware.held(machine.judgedAccesses(GEOMETRY));
        }
        List<String> lines = judged().stream().map(Invariant::line).toList();
        int passed = (int) judged().stream().filter(Invariant::passed).count();
        return new Verdict(lines, passed, lines.size() - passed);
    }

    private List<Invariant> judged() {
        return judges.all(checked);
    }

    /**
     * What was done so far.
     *
     * @return counts since the beginning
     */
    public Counts counts() {
        return new Counts(
                judges.accesses.sum(),
                judges.overlaps.sum(),
                judges.changes.sum(),
                machine.shootdowns(GEOMETRY),
                machine.shootdownTargets(GEOMETRY));
    }

    /** What a thread of the storm does. */
    private interface Part {
        void play(Random random);
    }

    private Thread start(String name, Part part) {
        Random random = new Random(seed + 0x9E3779B97F4A7C15L * threads.size());
        Thread thread = thread(name, part, random);
        threads.add(thread);
        return thread;
    }

    private Thread thread(String name, Part part, Random random) {
        Thread thread = new Thread(
                () -> {
                    try {
                        part.play(random);
                        judges.ended.held();
                    } catch (InvariantViolation violation) {
                        judges.hardware.broken(String.valueOf(violation.getMessage()));
                        over = true;
                    } catch (RuntimeException | Error thrown) {
                        judges.ended.broken(Thread.currentThread().getName() + ": " + thrown + " at "
                                + Arrays.asList(thrown.getStackTrace()));
                        over = true;
                    }
                },
                name);
        thread.setDaemon(true);
        return thread;
    }

    private void changes(Changer changer) {
        while (!over) {
            changer.step();
            judges.changes.increment();
        }
    }

    private void keeps(Random random) {
        try (Cpu cpu = machine.claimCpu()) {
            Changer.Kept changer = new Changer.Kept(space, plots.get(4), random, cpu, judges);
            changes(changer);
            long deadline = System.nanoTime() + PATIENCE_NANOS;
            while (!othersHaveStopped() && System.nanoTime() - deadline < 0) {
                LockSupport.parkNanos(this, SECOND_NANOS / 100);
            }
            long[] sums = new long[PAGES];
            Arrays.setAll(sums, added::get);
            changer.compare(sums);
        }
    }

    private boolean othersHaveStopped() {
        return threads.stream().noneMatch(thread -> thread != Thread.currentThread() && thread.isAlive());
    }

    /** CPUs come and go: most go offline as they should, and some with a thread that ends in GUEST. */
    private void accesses(Random random) {
        long[] mine = new long[PAGES];
        while (!over) {
            if (random.nextInt(DYING) == 0) {
                Thread dying = thread(Thread.currentThread().getName() + "'", drawn -> liveAndDie(drawn, mine), random);
                dying.start();
                awaitEnd(dying);
            } else {
                try (Cpu cpu = machine.claimCpu()) {
                    live(cpu, random, mine);
                }
            }
        }
        for (int page = 0; page < PAGES; page++) {
            added.addAndGet(page, mine[page]);
        }
    }

    private void liveAndDie(Random random, long[] mine) {
        // Not closed: who waits for it, or claims the next, has to find out that its thread has ended.
        Cpu cpu = machine.claimCpu();
        live(cpu, random, mine);
        cpu.enterGuest();
    }

    @SuppressWarnings("ThreadPriorityCheck") // nothing relies on it
    private void live(Cpu cpu, Random random, long[] mine) {
        cpu.load(space);
        Guest guest = new Guest(cpu, plots, judges, random, mine);
        cpu.onFlush(guest.hook());
        for (int step = 0; step < STEPS && !over; step++) {
            guest.step();
            // A processor that is taken away from a thread in GUEST stops all who wait for it; here nobody does.
            Thread.yield();
        }
    }

    private static void awaitEnd(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private boolean hasStopped(Thread thread, long deadline) throws InterruptedException {
        thread.join(Math.max(1, (deadline - System.nanoTime()) / 1_000_000));
        if (thread.isAlive()) {
            judges.ended.broken(thread.getName() + " does not stop, it is at " + Arrays.asList(thread.getStackTrace()));
            return false;
        }
        return true;
    }

    private void judgeStrength() {
        Counts met = counts();
        if (met.accesses() < (long) LEAST_ACCESSES * seconds
                || met.targets() < (long) LEAST_TARGETS * seconds
                || met.overlaps() < seconds
                || (checked && machine.lateAccesses(GEOMETRY) < seconds)) {
            judges.strength.broken("only " + met);
        } else {
            judges.strength.held();
        }
    }

    private void close() throws InterruptedException {
        space.validate();
        space.close();
        file.close();
        rivals.close();
        machine.awaitQuiescence();
        long frames = machine.framesInUse(GEOMETRY);
        if (frames == 0 && machine.committed() == 0) {
            judges.left.held();
        } else {
            judges.left.broken(frames + " frames are in use, " + machine.committed() + " are promised");
        }
    }
}
