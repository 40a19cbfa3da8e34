// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.VmaRef;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Share;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

@DisplayName("Opens of backings:")
final class BackingLifeTest {
    /** Random calls by one thread. During and after each call, the opens of every backing are counted. */
    @Nested
    final class Life {
        private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
        private static final int RUNS = TORTURE ? 4000 : Share.of("Life", 4).steps(60);
        private static final int STEPS = 220;
        private static final int MOST_SPACES = 4;
        private static final int MOST_REFERENCES = 6;
        private static final int WINDOW = 40;
        private static final long PLACE = 0x1000_0000L;
        private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

        static {
            System.out.println("Life: -Dsamara.seed=" + SEED);
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
        @DisplayName(
                "without references there are as many opens without a close as VMAs, in all spaces, after each call")
        void asManyOpensAsVmas() throws InterruptedException {
            run(false);
        }

        @Test
        @DisplayName("a reference holds the open of its VMA, and no other; the release closes it")
        void referencesHoldOpens() throws InterruptedException {
            run(true);
        }
    }

    @DisplayName("A backing that is asked for an open may call into its space, and no other call waits for its answer")
    @Nested
    final class CallingBack {
        private static final long PAGE = 0x1000;
        private static final long PLACE = 0x1000_0000L;
        private static final int READ = Mman.READ;
        private static final int FIXED = Mman.PRIVATE | Mman.FIXED;
        private static final int HELD = 3;

        private static final class Scripted extends CountingBacking {
            private volatile @Nullable Runnable onFirstOpen;
            private volatile @Nullable Runnable onClose;

            Scripted() {
                super("/scripted", 1);
            }

            @Override
            protected @Nullable Errno askedForOpen(Vma vma) {
                Runnable first = onFirstOpen;
                onFirstOpen = null;
                if (first != null) {
                    first.run();
                }
                return null;
            }

            @Override
            protected void toldOfClose(Vma vma) {
                Runnable script = onClose;
                if (script != null) {
                    script.run();
                }
            }
        }

        private final Semaphore waits = new Semaphore(0);
        private final List<CountDownLatch> releases = new ArrayList<>();
        private final Semaphore held = new Semaphore(0);
        private final AtomicInteger retirings = new AtomicInteger();
        private final List<Future<Long>> unmapping = new ArrayList<>();
        private boolean holding;

        private final Machine machine = MachineInternals.machine(
                Machine.builder().reportWaitsLongerThan(Duration.ofNanos(1)).reportTo(report -> waits.release()),
                range -> retire());
        private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        private final Scripted backing = new Scripted();
        private final ExecutorService pool = Executors.newCachedThreadPool();

        private void retire() {
            int number = retirings.getAndIncrement();
            if (holding && number < HELD) {
                held.release();
                Latches.await(releases.get(number));
            }
        }

        @AfterEach
        void allIsClosed() throws Exception {
            for (Future<Long> result : unmapping) {
                assertEquals(0, result.get());
            }
            pool.shutdown();
            space.validate();
            space.close();
            machine.awaitQuiescence();
            assertEquals(0, backing.stillOpen());
        }

        private static long page(int number) {
            return PLACE + number * PAGE;
        }

        private long anonymous(int page, int pages) {
            return space.mmap(page(page), pages * PAGE, READ, FIXED | Mman.ANONYMOUS, null, 0);
        }

        @Test
        @DisplayName("mapping and unmapping elsewhere, and in the very range of the operation that asks")
        void meddling() {
            anonymous(0, 8);
            backing.onFirstOpen = () -> {
                assertEquals(page(20), anonymous(20, 2));
                assertEquals(0, space.munmap(page(0), 2 * PAGE));
                assertEquals(page(4), anonymous(4, 1));
                assertEquals(0, space.munmap(page(4), PAGE));
                assertNotNull(space.find(page(5)));
            };
            assertEquals(page(3), space.mmap(page(3), 3 * PAGE, READ, FIXED, backing, 0));
            assertNull(space.find(page(0)));
            assertNotNull(space.find(page(20)));
            Vma placed = space.find(page(4));
            assertEquals(backing, placed == null ? null : placed.backing());
        }

        @Test
        @DisplayName("a close may map, unmap and fork")
        void closing() throws InterruptedException {
            assertEquals(page(3), space.mmap(page(3), 3 * PAGE, READ, FIXED, backing, 0));
            backing.onClose = () -> {
                backing.onClose = null;
                assertEquals(page(3), anonymous(3, 3));
                space.fork().close();
                assertEquals(0, space.munmap(page(4), PAGE));
            };
            assertEquals(0, space.munmap(page(3), 3 * PAGE));
            machine.awaitQuiescence();
            assertEquals(2, space.snapshot().vmas().size());
        }

        /**
         * Starts a mapping over pages 0 to 9 that restarts three times and then takes a ticket. The unmappings that it
         * waits for are released in the order of their publication, which is also the order of its waits.
         */
        private Future<Long> mapAfterThreeRestarts() throws InterruptedException {
            anonymous(0, 10);
            holding = true;
            for (int i = 0; i < HELD; i++) {
                releases.add(new CountDownLatch(1));
            }
            for (int i = 0; i < HELD; i++) {
                int page = 1 + 2 * i;
                unmapping.add(pool.submit(() -> space.munmap(page(page), PAGE)));
                held.acquire();
            }
            Future<Long> mapping = pool.submit(() -> space.mmap(page(0), 10 * PAGE, READ, FIXED, backing, 0));
            for (CountDownLatch release : releases) {
                waits.acquire();
                release.countDown();
            }
            return mapping;
        }

        @Test
        @DisplayName("an operation that insists on being next lets calls from its backing's open pass")
        void ofOneThatInsists() throws Exception {
            long[] result = {1};
            backing.onFirstOpen = () -> result[0] = space.munmap(page(0), 10 * PAGE);
            assertEquals(page(0), mapAfterThreeRestarts().get());
            assertEquals(0, result[0]);
            assertEquals(1, space.snapshot().vmas().size());
        }

        @Test
        @DisplayName(
                "while a backing does not answer, others change its range, also if the call that asks has a ticket")
        void hanging() throws Exception {
            CountDownLatch asked = new CountDownLatch(1);
            CountDownLatch answer = new CountDownLatch(1);
            backing.onFirstOpen = () -> {
                asked.countDown();
                Latches.await(answer);
            };
            Future<Long> mapping = mapAfterThreeRestarts();
            Latches.await(asked);
            assertEquals(0, space.munmap(page(0), 4 * PAGE));
            assertEquals(page(2), anonymous(2, 4));
            assertEquals(0, space.mprotect(page(2), PAGE, Mman.NONE));
            answer.countDown();
            assertEquals(page(0), mapping.get());
            assertEquals(1, space.snapshot().vmas().size());
        }
    }

    @DisplayName("I10: a mapping that a backing refuses faults no pages in, though MAP_POPULATE asks for them")
    @Nested
    final class RefusedPopulate {
        private static final long PAGE = SpaceFixture.PAGE;
        private static final long AT = 0x2000_0000L;
        private static final int FLAGS = Mman.PRIVATE | Mman.FIXED | Mman.POPULATE;

        private final SpaceFixture fixture = new SpaceFixture();
        private final AddressSpace space = fixture.space;
        private final CountingBacking refusing = new CountingBacking("/refusing", 1) {
            @Override
            protected @Nullable Errno askedForOpen(Vma vma) {
                return Errno.ENOMEM;
            }
        };

        @BeforeEach
        void mapped() {
            fixture.map(AT, 1, Mman.READ | Mman.WRITE, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
        }

        @AfterEach
        void thePageOfTheOldMappingIsNotThere() {
            byte[] present = new byte[1];
            assertEquals(0, space.mincore(AT, PAGE, present));
            assertEquals(0, present[0]);
        }

        @Test
        void synchronous() {
            assertEquals(Errno.ENOMEM.result(), space.mmap(AT, PAGE, Mman.READ, FLAGS, refusing, 0));
        }

        @Test
        @DisplayName("the asynchronous form is complete")
        void asynchronous() {
            PendingCall refused = space.mmapAsync(AT, PAGE, Mman.READ, FLAGS, refusing, 0);
            assertEquals(Errno.ENOMEM.result(), refused.result());
            assertTrue(refused.isDone());
        }
    }
}
