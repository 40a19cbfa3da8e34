// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.layout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.BackedCalls;
import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.FirstFailure;
import dev.samara.core.fixture.Refusal;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.testing.Share;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@DisplayName("No code of an embedder's runs under a layout lock, and nothing waits there")
@ExtendWith(FirstFailure.class)
final class LockRulesTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int STEPS =
            TORTURE ? 100_000 : Math.max(300, Share.of("LockRulesTest", 4).steps(1_500));
    private static final int WINDOW = 24;
    private static final long PAGE = BackedCalls.PAGE;
    private static final long PLACE = 0x1000_0000L;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("LockRulesTest: -Dsamara.seed=" + SEED);
    }

    private final WatchedLock.Violations violations = new WatchedLock.Violations();
    private final AtomicInteger waits = new AtomicInteger();
    private final AtomicInteger named = new AtomicInteger();
    private final AtomicInteger retired = new AtomicInteger();
    private final AtomicInteger changes = new AtomicInteger();

    /** A backing whose methods check that no layout lock is held. */
    private final class Watched extends CountingBacking {
        Watched(String name, int inode) {
            super(name, inode);
        }

        @Override
        public int major() {
            violations.check("major");
            return super.major();
        }

        @Override
        public String name() {
            violations.check("name");
            named.incrementAndGet();
            return super.name();
        }

        @Override
        public boolean readable() {
            violations.check("readable");
            return true;
        }

        @Override
        public boolean countsMappings() {
            violations.check("countsMappings");
            return false;
        }

        @Override
        public boolean isZeroDevice() {
            violations.check("isZeroDevice");
            return false;
        }

        @Override
        public Watched operations() {
            violations.check("operations");
            return this;
        }

        @Override
        protected @Nullable Errno askedForOpen(Vma vma) {
            violations.check("open");
            return null;
        }

        @Override
        protected @Nullable Errno askedForSplit(Vma vma, long address) {
            violations.check("maySplit");
            return null;
        }

        @Override
        protected void toldOfClose(Vma vma) {
            violations.check("close");
        }
    }

    private final List<Watched> backings = List.of(new Watched("/a", 1), new Watched("/b", 2));

    private final LayoutListener listener = change -> {
        violations.check("listener");
        changes.incrementAndGet();
    };

    private final Machine machine = MachineInternals.machine(
            Machine.builder()
                    .commitLimit(100 * PAGE)
                    .reportWaitsLongerThan(Duration.ofNanos(1))
                    .reportTo(this::report),
            range -> {
                violations.check("retire");
                retired.incrementAndGet();
                spin();
            },
            WatchedLock::new);

    /** Spins long enough for other threads to find a range in flight. */
    private static void spin() {
        Awake.delay(200);
    }

    private void report(Report report) {
        violations.check("reporter");
        if (report.kind() == Report.Kind.LONG_WAIT) {
            waits.incrementAndGet();
        } else {
            violations.check("a failure");
            throw new AssertionError(report.message(), report.cause());
        }
    }

    @AfterEach
    void noViolation() {
        violations.assertNone();
    }

    private AddressSpace newSpace() {
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        space.addListener(listener);
        return space;
    }

    private void assertAllClosed() throws InterruptedException {
        machine.awaitQuiescence();
        for (Watched backing : backings) {
            assertEquals(0, backing.stillOpen());
            assertTrue(backing.opens() > 0);
        }
        assertEquals(0, machine.committed());
    }

    @Test
    @DisplayName("random calls of one thread, with forks")
    void oneThread() throws InterruptedException {
        Random random = new Random(SEED);
        BackedCalls calls = new BackedCalls(random, backings, PLACE, WINDOW);
        AddressSpace space = newSpace();
        for (int step = 0; step < STEPS; step++) {
            if (random.nextInt(50) == 0) {
                try (AddressSpace child = space.fork()) {
                    calls.on(child);
                }
            } else {
                calls.on(space);
            }
        }
        space.close();
        assertAllClosed();
        assertTrue(retired.get() > 0 && changes.get() > 0);
    }

    @Test
    @DisplayName("random calls of three threads on one range, which wait for each other at gates")
    void gates() throws Exception {
        AddressSpace space = newSpace();
        int threads = 3;
        CyclicBarrier start = new CyclicBarrier(threads);
        AtomicInteger steps = new AtomicInteger();
        List<FutureTask<?>> results = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Random random = new Random(SEED + i);
            BackedCalls calls = new BackedCalls(random, backings, PLACE, WINDOW);
            FutureTask<?> result = new FutureTask<>(() -> {
                start.await();
                for (int step = 0; step < STEPS; step++) {
                    calls.on(space);
                    space.resolve(PLACE + random.nextInt(WINDOW) * PAGE, Mman.READ);
                    steps.incrementAndGet();
                }
                return null;
            });
            results.add(result);
            Thread thread = new Thread(result, "caller " + i);
            thread.setDaemon(true);
            thread.start();
        }
        IntSupplier unlessViolated = () -> {
            violations.assertNone();
            return steps.get();
        };
        Await.all("one of the calls", unlessViolated, results);
        space.validate();
        space.close();
        assertAllClosed();
        System.out.println("LockRulesTest: " + waits + " waits of " + threads * STEPS + " calls");
    }

    @Test
    @DisplayName("a wait at the gate of an operation that is being retired, and its report")
    void reportedWait() throws Exception {
        Thread[] waiter = new Thread[1];
        AddressSpace[] spaces = new AddressSpace[1];
        Machine held = MachineInternals.machine(
                Machine.builder().reportWaitsLongerThan(Duration.ofNanos(1)).reportTo(this::report),
                range -> {
                    violations.check("retire");
                    Thread thread = new Thread(() -> spaces[0].munmap(PLACE, PAGE));
                    if (waiter[0] == null) {
                        waiter[0] = thread;
                        thread.start();
                        Await.until("the other operation is reported to wait", () -> waits.get() != 0, thread);
                    }
                },
                WatchedLock::new);
        spaces[0] = held.newSpace(Geometry.LINUX_X86_64);
        assertEquals(PLACE, spaces[0].mmap(PLACE, PAGE, Mman.READ, FIXED, backings.get(0), 0));
        assertEquals(PLACE, spaces[0].mmap(PLACE, PAGE, Mman.NONE, FIXED, backings.get(1), 0));
        waiter[0].join();
        held.awaitQuiescence();
        assertEquals(0, backings.get(0).stillOpen());
        assertEquals(0, backings.get(1).stillOpen());
    }

    @Test
    @DisplayName("a fork that is refused asks a backing for its name, to say which mapping is too large")
    void refusedFork() throws InterruptedException {
        AddressSpace space = newSpace();
        int writable = Mman.READ | Mman.WRITE;
        assertEquals(PLACE, space.mmap(PLACE, 60 * PAGE, writable, FIXED, backings.get(0), 0));
        named.set(0);
        MmException refused = Refusal.assertRefused(MmException.class, space::fork, "fork of", "/a", "ENOMEM");
        assertTrue(named.get() > 0, "the name was not asked for");
        assertEquals(Errno.ENOMEM, refused.errno());
        assertEquals(60 * PAGE, machine.committed());
        space.close();
        machine.awaitQuiescence();
        assertEquals(0, backings.get(0).stillOpen());
    }

    @Test
    @DisplayName("a load over another asks both backings for their names, to say which mappings overlap")
    void refusedLoad() throws InterruptedException {
        Vma one = VmArea.describe(PLACE, PLACE + 4 * PAGE, VmaFlags.READ, 0, backings.get(0), null, null);
        Vma other = VmArea.describe(PLACE + 3 * PAGE, PLACE + 5 * PAGE, VmaFlags.READ, 0, backings.get(1), null, null);
        AddressSpaceBuilder builder = machine.space(Geometry.LINUX_X86_64).load(List.of(one, other));
        named.set(0);
        Refusal.assertRefused(IllegalArgumentException.class, builder::build, "/b", "overlaps", "/a");
        assertTrue(named.get() >= 2, "the names were not asked for");
        machine.awaitQuiescence();
        assertEquals(0, backings.get(0).stillOpen() + backings.get(1).stillOpen());
        assertThrows(IllegalArgumentException.class, builder::build);
    }
}
