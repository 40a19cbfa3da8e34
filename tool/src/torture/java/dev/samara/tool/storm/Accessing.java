// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The CPUs of the first space, which are claimed and closed again and again, and the sums of their additions to the
 * plot that keeps its content.
 */
final class Accessing {
    private static final long PAUSE_NANOS = 10_000_000;

    /**
     * The number of steps that a CPU makes before it is closed. One CPU in {@link #DYING} is never closed, because its
     * thread dies.
     */
    private static final int STEPS = 200;

    private static final int DYING = 8;

    private final Scene scene;
    private final AddressSpace space;
    private final List<PageModel> plots;

    /**
     * Written: a thread that has finished its accesses (get-and-add).
     * Read: the thread that compares the sums (volatile).
     * Invariant: the sum that the threads added to each page.
     */
    private final AtomicLongArray added;

    Accessing(Scene scene, AddressSpace space, List<PageModel> plots) {
        this.scene = scene;
        this.space = space;
        this.plots = plots;
        added = new AtomicLongArray(plots.get(plots.size() - 1).distinct());
    }

    /** Claims and closes CPUs. Most CPUs are closed properly, but the threads of some end in GUEST. */
    void accesses(Random random, Crew crew) throws InterruptedException {
        long[] mine = new long[added.length()];
        while (scene.course().goesOn()) {
            if (random.nextInt(DYING) == 0) {
                Member dying =
                        crew.member(Thread.currentThread().getName() + "'", drawn -> liveAndDie(drawn, mine), random);
                dying.start();
                awaitEnd(dying);
            } else {
                try (Cpu cpu = scene.machine().claimCpu()) {
                    live(cpu, random, mine);
                }
            }
        }
        for (int page = 0; page < mine.length; page++) {
            added.addAndGet(page, mine[page]);
        }
    }

    /** Waits for the end of a thread of the crew, whose progress is watched separately. */
    private void awaitEnd(Member member) throws InterruptedException {
        while (member.isAlive()) {
            member.join(PAUSE_NANOS / 1_000_000);
            scene.course().goesOn();
        }
    }

    private void liveAndDie(Random random, long[] mine) {
        // The CPU is not closed. A thread that waits for the CPU, or that claims the next CPU, must detect that its
        // thread has ended.
        Cpu cpu = scene.machine().claimCpu();
        live(cpu, random, mine);
        cpu.enterGuest();
    }

    @SuppressWarnings("ThreadPriorityCheck") // no correctness depends on it
    private void live(Cpu cpu, Random random, long[] mine) {
        cpu.switchTo(space);
        StormGuest guest = new StormGuest(cpu, plots, scene.rules(), random, scene.pauses(), mine);
        cpu.onFlush(guest.hook());
        for (int step = 0; step < STEPS && scene.course().goesOn(); step++) {
            guest.step();
            // A thread that is preempted in GUEST delays all threads that wait for its CPU. At this point no thread
            // waits for it.
            Thread.yield();
        }
    }

    /**
     * Changes the plot that keeps its content, and compares its content with the sums after all other threads have
     * ended.
     */
    void keeps(KeptContentChanger changer, Consumer<Changer> changes, Crew crew) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            changer.use(cpu);
            changes.accept(changer);
            while (!crew.hasEndedBut(Thread.currentThread())) {
                if (scene.course().isStalled()) {
                    return;
                }
                scene.course().goesOn();
                LockSupport.parkNanos(this, PAUSE_NANOS);
            }
            long[] sums = new long[added.length()];
            Arrays.setAll(sums, added::get);
            changer.compare(sums);
        }
    }
}
