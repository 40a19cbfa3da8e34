// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.VmaRef;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Share;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Random calls by one thread. During and after each call, the opens of every backing are counted. */
final class BackingLifeTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int RUNS =
            TORTURE ? 4000 : Share.of("BackingLifeTest", 4).steps(60);
    private static final int STEPS = 220;
    private static final int MOST_SPACES = 4;
    private static final int MOST_REFERENCES = 6;
    private static final int WINDOW = 40;
    private static final long PLACE = 0x1000_0000L;
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("BackingLifeTest: -Dsamara.seed=" + SEED);
    }

    /** One machine with some spaces, of which the first one exists until the end. */
    private static final class Run {
        private final Random random;
        private final boolean withReferences;
        private final List<CountingBacking> backings =
                List.of(new CountingBacking("/a", 1), new CountingBacking("/b", 2), new CountingBacking("/c", 3));
        private final List<Report> reports = new CopyOnWriteArrayList<>();
        private final AtomicInteger retired = new AtomicInteger();
        private final Thread caller = Thread.currentThread();
        private final Machine machine =
                MachineInternals.machine(Machine.builder().reportTo(reports::add), range -> retire());
        private final List<AddressSpace> spaces = new ArrayList<>();
        private final List<VmaRef> references = new ArrayList<>();
        private final Deque<String> log = new ArrayDeque<>();
        private final BackedCalls calls;

        /** The number of closes when the current call started. */
        private int closes;

        Run(long seed, boolean withReferences) {
            random = new Random(seed);
            this.withReferences = withReferences;
            calls = new BackedCalls(random, backings, PLACE, WINDOW);
            spaces.add(machine.newSpace(Geometry.LINUX_X86_64));
        }

        private int allCloses() {
            return backings.stream().mapToInt(CountingBacking::closes).sum();
        }

        /** Checks, while a call retires, that no backing of the call is closed yet. */
        private void retire() {
            retired.incrementAndGet();
            // The retirement of an operation must not wait for threads of the machine, but another thread may. If a
            // thread of the machine retires the operation, it already ran the closes that were queued before.
            if (Thread.currentThread() == caller) {
                FutureTask<Boolean> quiescence = new FutureTask<>(() -> {
                    machine.awaitQuiescence();
                    return true;
                });
                new Thread(quiescence, "quiescence").start();
                assertTrue(Await.result("quiescence", quiescence, reports));
            }
            assertEquals(closes, allCloses(), "closed before completion");
        }

        void steps() throws InterruptedException {
            for (int step = 0; step < STEPS; step++) {
                closes = allCloses();
                step();
                machine.awaitQuiescence();
                check();
            }
            for (AddressSpace space : spaces) {
                closes = allCloses();
                space.close();
                machine.awaitQuiescence();
                check();
            }
            references.forEach(VmaRef::close);
            references.clear();
            spaces.clear();
            machine.awaitQuiescence();
            check();
            assertTrue(retired.get() > STEPS / 10, "it ran hardly anything that retires");
        }

        private void step() {
            AddressSpace space = spaces.get(random.nextInt(spaces.size()));
            int choice = random.nextInt(100);
            if (choice < 3 && spaces.size() < MOST_SPACES) {
                log.add("fork");
                spaces.add(space.fork());
            } else if (choice < 5 && spaces.size() > 1) {
                log.add("close a space");
                AddressSpace closed = spaces.remove(1 + random.nextInt(spaces.size() - 1));
                closed.close();
            } else if (choice == 5 && spaces.size() > 1) {
                AddressSpace sealed = spaces.get(1);
                long start = PLACE + random.nextInt(WINDOW) * BackedCalls.PAGE;
                log.add("mseal " + sealed.mseal(start, BackedCalls.PAGE, 0));
            } else if (withReferences && choice < 16 && references.size() < MOST_REFERENCES) {
                VmaRef reference = space.acquire(PLACE + random.nextInt(WINDOW) * BackedCalls.PAGE);
                if (reference != null) {
                    log.add("acquire " + reference.vma());
                    references.add(reference);
                }
            } else if (choice < 24 && !references.isEmpty()) {
                VmaRef reference = references.remove(random.nextInt(references.size()));
                log.add("release " + reference.vma());
                reference.close();
            } else {
                log.add(calls.on(space));
            }
            while (log.size() > 12) {
                log.remove();
            }
        }

        private void check() {
            for (CountingBacking backing : backings) {
                Set<Object> opens = Collections.newSetFromMap(new IdentityHashMap<>());
                int mapped = 0;
                for (AddressSpace space : spaces) {
                    for (Vma vma : space.snapshot().vmas()) {
                        if (vma.backing() == backing) {
                            mapped++;
                            opens.add(VmArea.of(vma).open());
                        }
                    }
                }
                assertEquals(mapped, opens.size(), () -> "two VMAs have one open\n" + this);
                for (VmaRef reference : references) {
                    if (reference.vma().backing() == backing) {
                        opens.add(VmArea.of(reference.vma()).open());
                    }
                }
                assertEquals(opens.size(), backing.stillOpen(), () -> "opens of " + backing.name() + "\n" + this);
            }
            spaces.forEach(AddressSpace::validate);
            if (!reports.isEmpty()) {
                AssertionError error = new AssertionError(reports + "\n" + this);
                error.initCause(reports.get(0).cause());
                throw error;
            }
        }

        @Override
        public String toString() {
            return String.join("\n", log);
        }
    }

    private static void run(boolean withReferences) throws InterruptedException {
        for (int i = 0; i < RUNS; i++) {
            long seed = SEED + i;
            try {
                new Run(seed, withReferences).steps();
            } catch (RuntimeException | AssertionError failed) {
                fail("with -Dsamara.seed=" + seed, failed);
            }
        }
    }

    @Test
    @DisplayName("without references there are as many opens without a close as VMAs, in all spaces, after each call")
    void asManyOpensAsVmas() throws InterruptedException {
        run(false);
    }

    @Test
    @DisplayName("a reference holds the open of its VMA, and no other; the release closes it")
    void referencesHoldOpens() throws InterruptedException {
        run(true);
    }
}
