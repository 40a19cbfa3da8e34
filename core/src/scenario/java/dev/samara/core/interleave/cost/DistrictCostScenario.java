// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.HeapFrames;
import dev.samara.core.interleave.scenario.IdleByClock;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.PageTableContexts;
import dev.samara.core.internal.space.Divisions;
import dev.samara.interleave.schedule.Scenario;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Threads that map and unmap, each in its own range of one space, whose layout is divided between them. */
final class DistrictCostScenario implements Scenario {
    /** What each thread does. */
    enum Work {
        /** It maps a page and unmaps it, in a space without memory. */
        LAYOUT,
        /** It maps a page and unmaps it, in a space without memory, far from the machine's commit limit. */
        LIMIT,
        /** It maps a page and unmaps it. */
        MEMORY,
        /** It maps a page next to one that it wrote before, writes to it, and unmaps it. */
        TOUCH
    }

    private static final long PAGE = SpaceScenario.PAGE;

    /** The distance between two threads' ranges. They share no page table except the topmost one. */
    private static final long APART = 1L << 39;

    private static final long COMMIT_LIMIT = 1L << 30;

    private final Work work;
    private final int threads;
    private final int parts;
    private @Nullable Machine machine;
    private @Nullable AddressSpace space;

    /**
     * Creates the scenario.
     *
     * @param text the work, the number of threads, and the number of parts of the layout
     */
    DistrictCostScenario(String text) {
        String[] words = text.split(" ", 3);
        work = Work.valueOf(words[0]);
        threads = Integer.parseInt(words[1]);
        parts = Integer.parseInt(words[2]);
    }

    private static long at(int thread) {
        return APART / 2 + thread * APART;
    }

    private boolean hasMemory() {
        return work != Work.LAYOUT && work != Work.LIMIT;
    }

    private Machine machine() {
        return Objects.requireNonNull(machine, "before the beginning");
    }

    private AddressSpace space() {
        return Objects.requireNonNull(space, "before the beginning");
    }

    @Override
    public void begin() {
        MachineBuilder builder =
                Machine.builder().housekeeping(new IdleByClock()).checked(false);
        if (work == Work.LIMIT) {
            builder.commitLimit(COMMIT_LIMIT);
        }
        if (hasMemory()) {
            builder.memory(1024 * PAGE).frameStore(HeapFrames::new).tlbEntries(64);
        }
        machine = builder.build();
        space = machine.newSpace(SpaceScenario.LINUX);
        for (int i = 0; i < threads; i++) {
            map(i);
        }
        if (hasMemory()) {
            lendContexts();
        }
        if (parts > 1) {
            long[] borders = new long[parts - 1];
            for (int i = 1; i < parts; i++) {
                borders[i - 1] = (long) threads * i / parts * APART;
            }
            if (!Divisions.divide(MachineInternals.layoutOf(space), borders)) {
                throw new IllegalStateException("not divided");
            }
        }
    }

    /** Creates one context for each thread, as if all threads had been in operations concurrently. */
    private void lendContexts() {
        PageTableContexts contexts = Objects.requireNonNull(
                        MachineInternals.layoutOf(space()).memoryOrNull())
                .contexts();
        List<PageTableContext> lent = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            lent.add(contexts.borrow());
        }
        lent.forEach(contexts::giveBack);
    }

    private void map(int thread) {
        long at = at(thread);
        if (space().mmap(at, PAGE, SpaceScenario.RW, SpaceScenario.FIXED, null, 0) != at) {
            throw new IllegalStateException("not mapped");
        }
    }

    private void mapTouchUnmap(int thread, @Nullable Cpu cpu) {
        long at = at(thread) + 2 * PAGE;
        if (space().mmap(at, PAGE, SpaceScenario.RW, SpaceScenario.FIXED, null, 0) != at) {
            throw new IllegalStateException("not mapped");
        }
        if (cpu != null) {
            cpu.memory().store(at, 8, thread);
        }
        if (space().munmap(at, PAGE) != 0) {
            throw new IllegalStateException("not unmapped");
        }
    }

    @Override
    public Map<String, Body> operations() {
        Map<String, Body> bodies = new LinkedHashMap<>();
        for (int i = 0; i < threads; i++) {
            int thread = i;
            bodies.put("thread " + i, new Body() {
                private @Nullable Cpu cpu;

                @Override
                public void before() {
                    if (work == Work.TOUCH) {
                        cpu = machine().claimCpu();
                        cpu.switchTo(space());
                        cpu.memory().store(at(thread), 8, thread);
                    }
                    // The first rounds do what happens only once.
                    for (int j = 0; j < 3; j++) {
                        mapTouchUnmap(thread, cpu);
                    }
                }

                @Override
                public void run() {
                    mapTouchUnmap(thread, cpu);
                }

                @Override
                public void after() {
                    if (cpu != null) {
                        cpu.close();
                    }
                }
            });
        }
        return bodies;
    }

    @Override
    public void end() {
        if (Divisions.parts(MachineInternals.layoutOf(space())) != (parts == 1 ? 0 : parts)) {
            throw new IllegalStateException("the layout was divided or joined meanwhile");
        }
        space().close();
        machine().close();
    }
}
