// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/** CPUs of one space, and threads that remove and restore its pages and rights. */
final class PageChangeScenario implements Group {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final int PAGES = 24;
    private static final long BASE = 0x10_0000_0000L;
    private static final long FAR = 1L << 30;
    private static final int RIVALS = 6;

    private final Scene scene;
    private final int cpus;
    private final boolean stopsCpu;
    private final AddressSpace space;
    private final MemoryFile file;
    private final MemoryFile rivals;
    private final List<PageModel> plots = new ArrayList<>();
    private final List<Changer> changers = new ArrayList<>();
    private final Accessing accessing;
    private final KeptContentChanger kept;

    PageChangeScenario(Scene scene, int cpus, boolean stopsCpu) {
        this.scene = scene;
        this.cpus = cpus;
        this.stopsCpu = stopsCpu;
        Machine machine = scene.machine();
        space = machine.newSpace(GEOMETRY);
        space.addNotifier((start, end, reason) -> scene.pauses().seldom());
        file = machine.newFile("/storm", 1, GEOMETRY, PAGES * PageModel.PAGE);
        rivals = machine.newFile("/rivals", 2, GEOMETRY, RIVALS * PageModel.PAGE);
        // These plots are in one leaf, so that their entries share it. They are a page apart, so that their mappings
        // are not merged.
        plots.add(new PageModel(1, BASE, PAGES, PAGES));
        plots.add(new PageModel(2, BASE + (PAGES + 1) * PageModel.PAGE, PAGES, PAGES));
        // This plot is in a separate leaf. The leaf and its cpumask are created and freed with it.
        plots.add(new PageModel(3, BASE + FAR, 2, 2));
        plots.add(new PageModel(4, BASE + 2 * FAR, RIVALS, RIVALS).unjudged());
        plots.add(new PageModel(5, BASE + 2 * (PAGES + 1) * PageModel.PAGE, 2 * PAGES, PAGES));
        changers.add(new Changer.Anonymous(space, plots.get(0), random(0)));
        changers.add(new Changer.Shared(space, plots.get(1), random(1), file));
        changers.add(new Changer.Fleeting(space, plots.get(2), random(2)));
        changers.add(new Changer.Mapped(space, plots.get(3), random(3), rivals));
        changers.add(new Changer.Cut(space, plots.get(3), random(4), rivals));
        kept = new KeptContentChanger(space, plots.get(4), random(5), scene.rules());
        accessing = new Accessing(scene, space, plots);
    }

    private Random random(int number) {
        return new Random(~scene.course().seed + 0x9E3779B97F4A7C15L * number);
    }

    @Override
    public void join(Crew crew) {
        changers.forEach(changer -> crew.add(changer.getClass().getSimpleName(), random -> changes(changer)));
        crew.add("Kept", random -> accessing.keeps(kept, this::changes, crew));
        for (int n = 0; n < cpus; n++) {
            crew.add("cpu-" + n, random -> accessing.accesses(random, crew));
        }
        if (stopsCpu) {
            crew.add("stopping", new Stopping(scene, space, plots.get(0))::stops);
        }
    }

    private void changes(Changer changer) {
        while (scene.course().goesOn()) {
            changer.step();
            scene.rules().changes.increment();
        }
    }

    @Override
    public void rest() {
        changers.forEach(Changer::rest);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of(space);
    }

    @Override
    public List<Invariant> rules() {
        StormRules rules = scene.rules();
        return List.of(
                rules.sums,
                rules.returned,
                rules.stale,
                rules.freed,
                rules.hooks,
                rules.foreign,
                rules.allowed,
                rules.children,
                rules.strength);
    }

    @Override
    public void end() {
        file.close();
        rivals.close();
    }

    /** A CPU that uses translations of a space, and from time to time stops in GUEST for ten seconds. */
    static final class Stopping {
        private static final long SECOND_NANOS = 1_000_000_000;
        private static final long STOP_NANOS = 10 * SECOND_NANOS;
        private static final long SHORTEST_PAUSE_NANOS = 20 * SECOND_NANOS;

        private final Scene scene;
        private final AddressSpace space;
        private final PageModel plot;

        Stopping(Scene scene, AddressSpace space, PageModel plot) {
            this.scene = scene;
            this.space = space;
            this.plot = plot;
        }

        void stops(Random random) {
            try (Cpu cpu = scene.machine().claimCpu()) {
                cpu.switchTo(space);
                while (scene.course().goesOn()) {
                    cpu.enterGuest();
                    scene.course().stopsCpu();
                    try {
                        for (int page = 0; page < plot.pages(); page++) {
                            cpu.memory().load(plot.address(page), Long.BYTES);
                        }
                        sleep(STOP_NANOS, false);
                    } finally {
                        cpu.leaveGuest();
                        scene.course().resumesCpu();
                    }
                    sleep(SHORTEST_PAUSE_NANOS + (long) (random.nextDouble() * SHORTEST_PAUSE_NANOS), true);
                }
                cpu.switchTo(null);
            }
        }

        /** Parks for a number of nanoseconds, or until the storm is over. */
        private void sleep(long nanos, boolean isProgress) {
            long until = System.nanoTime() + nanos;
            while (System.nanoTime() - until < 0 && !scene.course().isOver()) {
                LockSupport.parkNanos(this, SECOND_NANOS / 10);
                if (isProgress) {
                    scene.course().goesOn();
                }
            }
        }
    }
}
