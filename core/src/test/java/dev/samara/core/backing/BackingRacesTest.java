// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.VmaRef;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * I8 for opens: whatever several threads did concurrently, at rest there are as many opens as VMAs, and none at the
 * end.
 */
final class BackingRacesTest {
    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final int ROUNDS =
            TORTURE ? 400 : Share.of("BackingRacesTest", 4).steps(8);
    private static final int STEPS = 150;
    private static final int THREADS = 3;
    private static final int WINDOW = 24;
    private static final long PLACE = 0x1000_0000L;
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());

    static {
        System.out.println("BackingRacesTest: -Dsamara.seed=" + SEED);
    }

    private final List<CountingBacking> backings = List.of(new CountingBacking("/a", 1), new CountingBacking("/b", 2));
    private final List<Report> reports = new CopyOnWriteArrayList<>();

    private final AtomicInteger retired = new AtomicInteger();

    private final Machine machine =
            MachineInternals.machine(Machine.builder().reportTo(reports::add).trackReferences(true), range -> {
                retired.incrementAndGet();
                spin();
            });

    /** Spins long enough for other threads to find a range in flight. */
    private static void spin() {
        Awake.delay(200);
    }

    private Callable<@Nullable Void> body(AddressSpace space, int thread, boolean overlapping, CyclicBarrier start) {
        Random random = new Random(SEED + thread);
        long place = overlapping ? PLACE : PLACE + thread % THREADS * 2L * WINDOW * BackedCalls.PAGE;
        BackedCalls calls = new BackedCalls(random, backings, place, WINDOW);
        List<VmaRef> references = new ArrayList<>();
        return () -> {
            start.await();
            for (int step = 0; step < STEPS; step++) {
                calls.on(space);
                if (random.nextInt(4) == 0) {
                    VmaRef reference = space.acquire(place + random.nextInt(WINDOW) * BackedCalls.PAGE);
                    if (reference != null) {
                        references.add(reference);
                    }
                }
                if (references.size() > 5) {
                    references.remove(random.nextInt(references.size())).close();
                }
                if (random.nextInt(40) == 0) {
                    space.fork().close();
                }
            }
            references.forEach(VmaRef::close);
            return null;
        };
    }

    private static long mapped(AddressSpace space, CountingBacking backing) {
        long count = 0;
        for (Vma vma : space.snapshot().vmas()) {
            count += vma.backing() == backing ? 1 : 0;
        }
        return count;
    }

    @ParameterizedTest(name = "overlapping: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("threads on ranges of their own, and on one range, with references and forks")
    void atRestAndAtTheEnd(boolean overlapping) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        try {
            for (int round = 0; round < ROUNDS; round++) {
                AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
                CyclicBarrier start = new CyclicBarrier(THREADS);
                List<Callable<@Nullable Void>> bodies = new ArrayList<>();
                for (int thread = 0; thread < THREADS; thread++) {
                    bodies.add(body(space, round * THREADS + thread, overlapping, start));
                }
                for (Future<@Nullable Void> result : pool.invokeAll(bodies)) {
                    result.get();
                }
                machine.awaitQuiescence();
                space.validate();
                for (CountingBacking backing : backings) {
                    assertEquals(mapped(space, backing), backing.stillOpen());
                }
                space.close();
                machine.awaitQuiescence();
                for (CountingBacking backing : backings) {
                    assertEquals(0, backing.stillOpen());
                }
            }
        } finally {
            pool.shutdown();
        }
        assertTrue(retired.get() > ROUNDS);
        assertEquals(List.of(), machine.outstandingReferences());
        assertEquals(0, machine.committed());
        assertEquals(List.of(), reports);
    }
}
