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
 * The CPUs of the first space, which come online and go offline, and the sums of their additions to the plot that keeps
 * its content.
 */
final class Accessing {
    private static final long PAUSE_NANOS = 10_000_000;

    /** The number of a CPU's steps before it goes offline. One CPU in {@link #DYING} never goes offline itself. */
    private static final int STEPS = 200;

    private static final int DYING = 8;

    private final Scene scene;
    private final AddressSpace space;
    private final List<PageModel> plots;

    /**
     * @written a thread that ends its accesses (get-and-add)
     * @read the thread that compares the sums (volatile)
     * @invariant what the threads have added to each page
     */
    private final AtomicLongArray added;

    Accessing(Scene scene, AddressSpace space, List<PageModel> plots) {
        this.scene = scene;
        this.space = space;
        this.plots = plots;
        added = new AtomicLongArray(plots.get(plots.size() - 1).distinct());
    }

    /** Makes CPUs come and go. Most go offline as they should, and some with a thread that ends in GUEST. */
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

    /** Waits for a thread of the crew, which is watched itself. */
    private void awaitEnd(Member member) throws InterruptedException {
        while (member.isAlive()) {
            member.join(PAUSE_NANOS / 1_000_000);
            scene.course().goesOn();
        }
    }

    private void liveAndDie(Random random, long[] mine) {
        // Not closed: a thread that waits for it, or claims the next CPU, must detect that its thread has ended.
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
            // A thread that loses its processor in GUEST delays all threads that wait for its CPU. Here no thread
            // waits.
            Thread.yield();
        }
    }

    /** Changes the plot that keeps its content, and compares it with the sums after all other threads have ended. */
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
