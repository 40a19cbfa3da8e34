// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.cost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.interleave.scenario.HeapFrames;
import dev.samara.core.interleave.scenario.IdleByClock;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.internal.page.PageTableContexts;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.space.Divisions;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Schedule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Checks how many words threads with separate ranges share, i.e. words that one thread writes and another one uses.
 *
 * <p>Threads that use one part share its lock, because an edit decides on a layout that stands still; the count of
 * operations, by which other parts see whether the part is in use; the root, which is the publication; and two words of
 * charged pages. In an undivided layout these are the charge and the pages of the space, which are read without a lock.
 * More than eight threads share the stripes of committed memory, because one commit limit holds for all spaces, and the
 * slots of idle contexts, which are created once and lent. Except for the lock, these words are written by opaque or
 * release stores of the lock's owner, and their cache lines move together with those of the tree.
 */
@Tag("interleave")
@DisplayName("The words that threads share which map and unmap in ranges of their own")
final class DistrictCostsTest {
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

    /** The number of words of committed memory, and of slots for idle contexts. */
    private static final int STRIPES = 8;

    /** The maximum number of parts of a layout. */
    private static final int MOST_PARTS = 16;

    /** Threads that map and unmap, each in its own range of one space, whose layout is divided between them. */
    static final class Apart implements Scenario {
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
        Apart(String text) {
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
                builder.memory(1024 * SpaceScenario.PAGE)
                        .frameStore(HeapFrames::new)
                        .tlbEntries(64);
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
            PageTableContexts contexts =
                    Objects.requireNonNull(MachineInternals.layoutOf(space()).memoryOrNull()).contexts;
            List<PageTableContext> lent = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                lent.add(contexts.borrow());
            }
            lent.forEach(contexts::giveBack);
        }

        private void map(int thread) {
            long at = at(thread);
            if (space().mmap(at, SpaceScenario.PAGE, SpaceScenario.RW, SpaceScenario.FIXED, null, 0) != at) {
                throw new IllegalStateException("not mapped");
            }
        }

        private void mapTouchUnmap(int thread, @Nullable Cpu cpu) {
            long at = at(thread) + 2 * SpaceScenario.PAGE;
            if (space().mmap(at, SpaceScenario.PAGE, SpaceScenario.RW, SpaceScenario.FIXED, null, 0) != at) {
                throw new IllegalStateException("not mapped");
            }
            if (cpu != null) {
                cpu.memory().store(at, 8, thread);
            }
            if (space().munmap(at, SpaceScenario.PAGE) != 0) {
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

    private static void assertShared(int expected, Work work, int threads, int parts) {
        List<String> shared = SteppedScenarios.exploreNamed(Apart.class, work + " " + threads + ' ' + parts)
                .sharedWords(Schedule.DEFAULT);
        assertEquals(expected, shared.size(), () -> work + ", " + threads + " threads, " + parts + " parts: " + shared);
    }

    /**
     * Returns the number of shared words of a layout: the lock, the number of operations, the root, the charge and the
     * number of mapped pages of each part that is used by several threads; and the stripes of committed memory.
     */
    private static int ofLayout(int threads, int parts) {
        return (threads > parts ? 5 * parts : 0) + stripes(threads);
    }

    private static int stripes(int threads) {
        return threads > STRIPES ? STRIPES : 0;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8, 64})
    @DisplayName("none in a part of their own, five in a part that they share; memory and a limit add stripes only")
    void layout(int threads) {
        for (int parts : new int[] {1, Math.min(threads, MOST_PARTS)}) {
            int expected = ofLayout(threads, parts);
            assertShared(expected, Work.LAYOUT, threads, parts);
            assertShared(expected, Work.LIMIT, threads, parts);
            assertShared(expected + stripes(threads), Work.MEMORY, threads, parts);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    @DisplayName("with a page that its thread alone has used: no flush's generation, and what the highest number reads")
    void touch(int threads) {
        // The peak of the pages reads the leaf of each of few threads, or else the count of pages removed since then.
        int ofPeak = threads == 1 ? 0 : threads == 2 ? 2 : 1;
        assertShared(ofLayout(threads, 1) + ofPeak, Work.TOUCH, threads, 1);
        assertShared(ofLayout(threads, threads), Work.TOUCH, threads, threads);
    }
}
