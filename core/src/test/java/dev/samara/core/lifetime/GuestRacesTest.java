// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lifetime;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Rounds;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Threads that enter spaces, read and write them, beside threads that close the spaces")
final class GuestRacesTest {
    private static final int THREADS = 3;
    private static final int SPACES = 2;
    private static final int ROUNDS = 2_000;
    private static final long AT = 0x10_0000;
    private static final long STAMP = AT + PAGE;

    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine = Machine.builder()
            .memory(1 << 24)
            .poisonFrames(true)
            .reportTo(reports::add)
            .reportWaitsLongerThan(Await.LONG)
            .reportShootdownsLongerThan(Await.LONG)
            .build();
    private final AtomicReferenceArray<AddressSpace> spaces = new AtomicReferenceArray<>(SPACES);
    private final List<SpaceIdentity> identities = new ArrayList<>();
    private final AtomicInteger stays = new AtomicInteger();
    private final AtomicBoolean isOver = new AtomicBoolean();
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);

    @AfterEach
    void end() {
        isOver.set(true);
        threads.shutdown();
    }

    /** Creates a space whose second page contains the space's number. */
    private AddressSpace newSpace() {
        AddressSpace made = machine.newSpace(GEOMETRY);
        int flags = ANONYMOUS | Mman.FIXED;
        assertEquals(AT, made.mmap(AT, 2 * PAGE, RW, flags, null, 0));
        SpaceIdentity identity = made.grab();
        try (Guest guest = made.enter()) {
            assertFault(Fault.NONE, guest.memory().store(STAMP, 8, identity.number()));
        }
        identities.add(identity);
        return made;
    }

    private void visit(Random random) {
        byte[] bytes = new byte[8];
        while (!isOver.get()) {
            AddressSpace one = spaces.get(random.nextInt(SPACES));
            AddressSpace another = spaces.get(random.nextInt(SPACES));
            try (Guest outer = one.enter();
                    Guest inner = another.enter()) {
                check(outer, one);
                check(inner, another);
                check(outer, one);
                stays.incrementAndGet();
            } catch (MmException refused) {
                assertEquals(Errno.ESRCH, refused.errno());
            }
            if (random.nextInt(4) == 0) {
                long read = one.read(STAMP, bytes, 0, bytes.length);
                assertEquals(true, read == bytes.length || read == Errno.ESRCH.result(), () -> "read " + read);
            }
        }
    }

    private static void check(Guest guest, AddressSpace in) {
        assertFault(Fault.NONE, guest.memory().getAndAdd(AT, 8, 1));
        assertFault(Fault.NONE, guest.memory().load(STAMP, 8));
        assertEquals("space " + guest.memory().value(), in.toString().replaceAll(",.*", ""));
        guest.poll();
    }

    @Test
    @DisplayName("each stay is in its space, and each space ends after its last reference and its last stay")
    void visits() throws InterruptedException {
        for (int i = 0; i < SPACES; i++) {
            spaces.set(i, newSpace());
        }
        List<Future<?>> visitors = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            Random random = new Random(17 + i);
            visitors.add(threads.submit(() -> visit(random)));
        }
        Random random = new Random(16);
        Rounds rounds = new Rounds(ROUNDS);
        while (rounds.next()) {
            int seen = stays.get();
            Await.until("a visit", () -> stays.get() != seen || isFailed(visitors), reports);
            AddressSpace next = newSpace();
            AddressSpace old = spaces.getAndSet(random.nextInt(SPACES), next);
            AddressSpace further = random.nextBoolean() ? old.get() : old;
            old.close();
            further.close();
        }
        isOver.set(true);
        visitors.forEach(each -> Await.result("the visits", each, reports));
        for (int i = 0; i < SPACES; i++) {
            spaces.get(i).close();
        }
        for (SpaceIdentity identity : identities) {
            Await.until("the end of space " + identity.number(), () -> identity.exit() != null, reports);
            identity.close();
        }
        machine.awaitQuiescence();
        machine.statistics();
        machine.close();
        assertEquals(List.of(), reports);
    }

    @Test
    @DisplayName("threads that come to an empty pool at the same time each get a place, or end their CPU")
    void firstStays() {
        CyclicBarrier together = new CyclicBarrier(THREADS);
        Rounds rounds = new Rounds(10 * ROUNDS);
        while (rounds.next()) {
            Machine fresh =
                    Machine.builder().memory(1 << 20).reportTo(reports::add).build();
            AddressSpace only = fresh.newSpace(GEOMETRY);
            SpaceIdentity identity = only.grab();
            List<Future<Integer>> visitors = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                visitors.add(threads.submit(() -> {
                    together.await();
                    try (Guest guest = only.enter()) {
                        return guest.number();
                    }
                }));
            }
            visitors.forEach(each -> Await.result("a first stay", each, reports));
            only.close();
            assertNotNull(identity.exit(), "the space ends with its last reference");
            identity.close();
            fresh.close();
        }
        machine.close();
        assertEquals(List.of(), reports);
    }

    private static boolean isFailed(List<Future<?>> visitors) {
        return visitors.stream().anyMatch(Future::isDone);
    }
}
