// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.Rounds;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.fixture.ThrowingMemory;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("A watchpoint")
@SuppressWarnings("try") // a watchpoint is active until it is closed
final class WatchpointTest extends WatchpointFixture {
    @Test
    @DisplayName("is told of every kind of access that writes one of its bytes, and of none beside them")
    void kinds() {
        try (Watchpoint watch = space.watch(at + 100, 3, as("w"))) {
            assertEquals(
                    "watchpoint 0x" + Long.toHexString(at + 100) + "-0x" + Long.toHexString(at + 103),
                    watch.toString());
            for (int offset : new int[] {92, 103}) {
                assertFault(Fault.NONE, memory.store(at + offset, 8, -1));
            }
            fixture.load(at + 100);
            assertEquals(3, memory.copyOut(at + 100, new byte[3], 0, 3));
            assertFault(Fault.NONE, memory.loadVolatile(at + 100, 4));
            assertTold();
            assertFault(Fault.NONE, memory.store(at + 93, 8, 1));
            assertFault(Fault.NONE, memory.store(at + 102, 1, 1));
            assertFault(Fault.NONE, memory.storeVolatile(at + 100, 4, 7));
            assertTold("w 93 8", "w 102 1", "w 100 4");
            assertFault(Fault.NONE, memory.getAndAdd(at + 96, 8, 1));
            assertFault(Fault.NONE, memory.getAndSet(at + 100, 2, 1));
            assertFault(Fault.NONE, memory.compareAndSet(at + 100, 2, 2, 3));
            assertEquals(0, memory.value());
            assertTold("w 96 8", "w 100 2");
            assertFault(Fault.NONE, memory.compareAndSet(at + 100, 2, 1, 3));
            assertEquals(1, memory.value());
            assertTold("w 100 2");
            assertEquals(200, memory.copyIn(at, new byte[200], 0, 200));
            assertEquals(PAGE, memory.fill(at + 50, PAGE, (byte) 1));
            assertEquals(50, memory.copyIn(at, new byte[50], 0, 50));
            assertTold("w 0 200", "w 50 " + (PAGE - 50));
            assertFault(Fault.ADRALN, memory.storeVolatile(at + 101, 2, 1));
            assertEquals(0, space.mprotect(at, PAGE, READ));
            assertFault(Fault.ACCERR, memory.store(at + 100, 1, 1));
            assertFault(Fault.ACCERR, memory.getAndAdd(at + 100, 1, 1));
            assertEquals(0, memory.copyIn(at, new byte[200], 0, 200));
            assertTold();
        }
        assertEquals(0, space.mprotect(at, PAGE, RW));
        fixture.store(at + 96, 1);
        assertTold();
    }

    @Test
    @DisplayName("is told of an access across pages once, if it lies in either or in both")
    void across() {
        try (Watchpoint low = space.watch(at + PAGE - 1, 1, as("low"));
                Watchpoint both = space.watch(at + PAGE - 1, 2, as("both"));
                Watchpoint high = space.watch(at + PAGE, 1, as("high"))) {
            fixture.store(at + PAGE - 4, 1);
            long from = PAGE - 4;
            assertTold("low " + from + " 8", "both " + from + " 8", "high " + from + " 8");
            assertEquals(16, memory.copyIn(at + PAGE - 8, new byte[16], 0, 16));
            assertTold(
                    "low " + (PAGE - 8) + " 8",
                    "both " + (PAGE - 8) + " 8",
                    "both " + PAGE + " 8",
                    "high " + PAGE + " 8");
        }
        try (Watchpoint high = space.watch(at + PAGE, 1, as("high"))) {
            fixture.store(at + PAGE - 4, 1);
            assertTold("high " + (PAGE - 4) + " 8");
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            assertFault(Fault.MAPERR, memory.store(at + PAGE - 4, 8, 1));
            assertTold();
        }
    }

    @Test
    @DisplayName("may overlap others: each is told, the lowest first and of those that begin together the oldest")
    void overlapping() {
        List<Watchpoint> all = new ArrayList<>();
        all.add(space.watch(at + 64, 8, as("c")));
        all.add(space.watch(at, 4 * PAGE, as("a")));
        all.add(space.watch(at + 64, 1, as("d")));
        all.add(space.watch(at + 8, 16, as("b")));
        fixture.store(at + 64, 1);
        assertTold("a 64 8", "c 64 8", "d 64 8");
        fixture.store(at + 16, 1);
        assertTold("a 16 8", "b 16 8");
        fixture.store(at + 3 * PAGE, 1);
        assertTold("a " + 3 * PAGE + " 8");
        fixture.store(at + 4 * PAGE, 1);
        all.get(1).close();
        all.get(1).close();
        fixture.store(at + 65, 1);
        assertTold("c 65 8");
        all.forEach(Watchpoint::close);
        fixture.store(at + 64, 1);
        assertTold();
    }

    @Test
    @DisplayName("agrees with a plain list of ranges, wherever they begin and end")
    void againstAList() {
        record Range(long first, long end, Watchpoint watch) {}
        Random random = new Random(5);
        List<Range> ranges = new ArrayList<>();
        for (int round = 0; round < 2000; round++) {
            if (ranges.size() < 12 && random.nextInt(4) == 0) {
                long first = random.nextInt(400);
                long length = 1L + random.nextInt(random.nextBoolean() ? 8 : 200);
                ranges.add(new Range(first, first + length, space.watch(at + first, length, as(""))));
            } else if (!ranges.isEmpty() && random.nextInt(8) == 0) {
                ranges.remove(random.nextInt(ranges.size())).watch().close();
            }
            int size = 1 << random.nextInt(4);
            long offset = random.nextInt(500);
            assertFault(Fault.NONE, memory.store(at + offset, size, round));
            long expected = ranges.stream()
                    .filter(range -> range.first() < offset + size && offset < range.end())
                    .count();
            assertEquals(expected, told.size());
            told.clear();
        }
    }

    @Test
    @DisplayName("takes the right to write its pages away from the TLB, and gives it back when it is closed")
    void translations() {
        fixture.store(at, 1);
        fixture.store(at + PAGE, 1);
        Watchpoint watch = space.watch(at + 100, 1, as("w"));
        cpu.enterGuest();
        assertFalse(SpaceFixture.hits(cpu, () -> fixture.store(at, 1)));
        fixture.load(at);
        assertTrue(SpaceFixture.hits(cpu, () -> fixture.load(at)));
        assertFalse(SpaceFixture.hits(cpu, () -> fixture.store(at, 1)), "a load does not bring the right along");
        fixture.store(at + PAGE, 1);
        assertTrue(SpaceFixture.hits(cpu, () -> fixture.store(at + PAGE, 1)), "other pages are as before");
        fixture.store(at + 96, 5);
        fixture.store(at, 5);
        assertTold("w 96 8");
        assertEquals(0, fixture.load(at + 104));
        watch.close();
        fixture.store(at, 1);
        assertTrue(SpaceFixture.hits(cpu, () -> fixture.store(at, 1)));
        cpu.leaveGuest();
    }

    @Test
    @DisplayName("is of any CPU, told on that one's thread, also if it could store there a moment ago")
    void anyCpu() throws Exception {
        try (OtherCpu other = new OtherCpu(space)) {
            Thread owner = other.call(of -> Thread.currentThread());
            other.call(of -> {
                of.enterGuest();
                return of.memory().store(at, 8, 1);
            });
            Thread watcher = new Thread(() -> space.watch(at, 8, (address, length) -> {
                assertSame(owner, Thread.currentThread());
                told.add("w " + (address - at) + " " + length);
            }));
            long before = fixture.machine.statistics().shootdowns();
            watcher.start();
            Await.until(
                    "the CPU is asked to flush, or the watchpoint is set",
                    () -> fixture.machine.statistics().shootdowns() > before || !watcher.isAlive(),
                    fixture.reports,
                    watcher);
            assertTrue(watcher.isAlive(), "it waits for the CPU, which can store by its TLB");
            other.call(of -> {
                of.poll();
                return 0;
            });
            watcher.join();
            assertFault(Fault.NONE, other.call(of -> of.memory().store(at, 8, 1)));
            assertTold("w 0 8");
            other.call(of -> {
                of.leaveGuest();
                return 0;
            });
            assertFault(Fault.NONE, other.call(of -> of.memory().getAndAdd(at, 8, 1)));
            assertTold("w 0 8");
        }
    }

    @Test
    @DisplayName("stays at its addresses, whatever is mapped there, and is of one space")
    void staysAtAddresses() {
        long free = fixture.anonymous(1);
        assertEquals(0, space.munmap(free, PAGE));
        try (Watchpoint first = space.watch(at, 8, as("w"));
                Watchpoint second = space.watch(free, 8, as("free"));
                AddressSpace child = space.fork()) {
            fixture.map(free, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
            fixture.store(free, 1);
            assertTold("free " + (free - at) + " 8");
            assertEquals(0, space.munmap(at, PAGE));
            fixture.map(at, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
            fixture.store(at, 1);
            assertTold("w 0 8");
            assertEquals(free, space.mremap(at, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, free));
            fixture.store(free, 1);
            assertTold("free " + (free - at) + " 8");
            cpu.switchTo(child);
            fixture.store(at, 1);
            cpu.switchTo(space);
            assertTold();
        }
    }

    @Test
    @DisplayName("is not told of stores that pass no CPU: by the file, by another mapping, by a pin")
    void pastCpus() {
        MemoryFile file = fixture.file(1);
        long one = fixture.map(0, 1, RW, Mman.SHARED, file.open(), 0);
        long other = fixture.map(0, 1, RW, Mman.SHARED, file.open(), 0);
        try (Watchpoint watch = space.watch(one, 8, as("w"))) {
            assertEquals(8, file.pwrite(new byte[8], 0, 8, 0));
            fixture.store(other, 1);
            PinnedFrame pinned = fixture.pin(one, WRITE);
            SpaceFixture.write(pinned, 2);
            pinned.close();
            assertTold();
            assertEquals(2, fixture.load(one));
            fixture.store(one, 1);
            assertTold("w " + (one - at) + " 8");
        }
        file.close();
    }

    @Test
    @DisplayName("is refused for no bytes, for bytes beyond the limit, in GUEST, and without memory")
    void refused() {
        WriteListener listener = as("w");
        long limit = GEOMETRY.limit();
        assertThrows(IllegalArgumentException.class, () -> space.watch(at, 0, listener));
        assertThrows(IllegalArgumentException.class, () -> space.watch(at, -1, listener));
        assertThrows(IllegalArgumentException.class, () -> space.watch(limit, 1, listener));
        assertThrows(IllegalArgumentException.class, () -> space.watch(limit - 1, 2, listener));
        assertThrows(IllegalArgumentException.class, () -> space.watch(-8, 8, listener));
        space.watch(limit - 1, 1, listener).close();
        space.watch(0, limit, listener).close();
        cpu.enterGuest();
        assertThrows(IllegalStateException.class, () -> space.watch(at, 8, listener));
        cpu.leaveGuest();
        fixture.store(at, 1);
        assertTold();
        AddressSpace bare = Machine.builder().build().newSpace(GEOMETRY);
        assertThrows(IllegalStateException.class, () -> bare.watch(0x10000, 1, listener));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("once it has been set, misses no store of CPUs that were storing there all the time")
    void setBesideStores(long seed) throws Exception {
        AtomicBoolean isOver = new AtomicBoolean();
        // Odd while the watchpoint is set.
        AtomicInteger settings = new AtomicInteger();
        AtomicInteger stores = new AtomicInteger();
        ThreadLocal<Integer> count = ThreadLocal.withInitial(() -> 0);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        List<Future<Long>> storers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            Random random = new Random(seed * 10 + i);
            long address = at + 8 + i;
            storers.add(threads.submit(() -> {
                long checked = 0;
                try (Cpu of = fixture.machine.claimCpu()) {
                    of.switchTo(space);
                    ThrowingMemory flat = new ThrowingMemory(of);
                    while (!isOver.get()) {
                        checked += storeInGuest(of, flat, address, random, settings, stores, count);
                    }
                }
                return checked;
            }));
        }
        try {
            Rounds rounds = new Rounds(500);
            while (rounds.next() && storers.stream().noneMatch(Future::isDone)) {
                Watchpoint watch = space.watch(at + 8, 2, (address, length) -> count.set(count.get() + 1));
                settings.incrementAndGet();
                // Of four more stores by two CPUs, at least one starts after this point.
                int enough = stores.get() + 4;
                Await.until(
                        "both CPUs store",
                        () -> stores.get() >= enough || storers.stream().anyMatch(Future::isDone),
                        fixture.reports);
                settings.incrementAndGet();
                watch.close();
            }
        } finally {
            isOver.set(true);
            threads.shutdown();
        }
        long checked = 0;
        for (Future<Long> storer : storers) {
            checked += storer.get();
        }
        assertTrue(checked > 0, "some store came while it was set");
    }

    /** Returns the number of stores during which the watchpoint was set throughout. */
    private static int storeInGuest(
            Cpu of,
            ThrowingMemory flat,
            long address,
            Random random,
            AtomicInteger settings,
            AtomicInteger stores,
            ThreadLocal<Integer> count) {
        int checked = 0;
        of.enterGuest();
        try {
            for (int round = random.nextInt(50); round >= 0; round--) {
                of.poll();
                int setting = settings.get();
                int before = count.get();
                store(flat, address, random.nextInt(4));
                stores.incrementAndGet();
                if (setting % 2 == 1 && settings.get() == setting) {
                    assertEquals(before + 1, count.get());
                    checked++;
                }
            }
        } finally {
            of.leaveGuest();
        }
        return checked;
    }

    private static void store(ThrowingMemory flat, long address, int way) {
        switch (way) {
            case 0 -> flat.memory().store(address, 1, 1);
            case 1 -> flat.memory().getAndAdd(address, 1, 1);
            case 2 -> flat.getAndAddByte(address, (byte) 1);
            default -> flat.storeByte(address, (byte) 1);
        }
    }

    @Test
    @DisplayName("I9: are as few in a space as its mappings may be; one more is ENOSPC")
    void bound() {
        Machine small = Machine.builder().memory(1 << 20).maxMapCount(2).build();
        try (AddressSpace one = small.newSpace(SpaceFixture.GEOMETRY)) {
            Watchpoint first = one.watch(0, 1, as("first"));
            Watchpoint second = one.watch(0, 1, as("second"));
            MmException refused = assertThrows(MmException.class, () -> one.watch(0, 1, as("third")));
            assertEquals(Errno.ENOSPC, refused.errno());
            first.close();
            one.watch(0, 1, as("third")).close();
            second.close();
        }
    }

    @Test
    @DisplayName("whose listener throws has that reported; the store counts, and others are told")
    void throwing() {
        try (Watchpoint first = space.watch(at, 8, (address, length) -> {
                    throw new IllegalCallerException("of a listener");
                });
                Watchpoint second = space.watch(at, 8, as("w"))) {
            fixture.store(at, 5);
            assertFault(Fault.NONE, memory.getAndAdd(at, 8, 1));
            assertEquals(5, memory.value());
            assertEquals(6, fixture.load(at));
            assertTold("w 0 8", "w 0 8");
        }
        assertEquals(2, fixture.reports.size());
        for (Report report : fixture.reports) {
            assertEquals(Report.Kind.CALLBACK_FAILED, report.kind());
            assertEquals("a write listener", report.message());
            assertEquals("of a listener", String.valueOf(report.cause()).replaceAll(".*: ", ""));
        }
        fixture.reports.clear();
    }

    @Test
    @DisplayName("whose listener blocks delays its CPU, and no thread that waits for that CPU")
    void blocking() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answers = new CountDownLatch(1);
        try (OtherCpu other = new OtherCpu(space);
                Watchpoint watch = space.watch(at, 8, (address, length) -> {
                    asked.countDown();
                    Latches.await(answers);
                })) {
            Future<Integer> stored = other.submit(of -> {
                of.enterGuest();
                of.memory().store(at + PAGE, 8, 1);
                int result = of.memory().store(at, 8, 1);
                of.leaveGuest();
                return result;
            });
            Latches.await(asked);
            assertEquals(0, space.munmap(at + PAGE, PAGE));
            assertEquals(0, space.mprotect(at, PAGE, READ));
            assertEquals(1, fixture.load(at), "it has happened");
            space.fork().close();
            try (Watchpoint another = space.watch(at, 8, as("x"))) {}
            answers.countDown();
            assertFault(Fault.NONE, stored.get());
        }
    }

    @Test
    @DisplayName("whose listener calls back: operations and accesses go on, and the CPU keeps the value it has read")
    void callingBack() {
        List<Watchpoint> watches = new ArrayList<>();
        List<IntSupplier> refused = List.of(
                () -> {
                    cpu.switchTo(null);
                    return 0;
                },
                () -> {
                    cpu.enterGuest();
                    return 0;
                },
                () -> {
                    cpu.leaveGuest();
                    return 0;
                },
                () -> {
                    cpu.poll();
                    return 0;
                },
                () -> {
                    cpu.close();
                    return 0;
                });
        watches.add(space.watch(at, 8, (address, length) -> {
            told.add("first");
            assertEquals(6, fixture.load(at), "after the access");
            fixture.store(at, 7);
            assertFault(Fault.MAPERR, memory.load(8, 8));
            assertEquals(0, memory.copyOut(8, new byte[8], 0, 8));
            refused.forEach(call -> assertThrows(IllegalStateException.class, call::getAsInt));
            assertEquals(0, space.mprotect(at, PAGE, READ));
            space.fork().close();
            watches.add(space.watch(at + 8, 8, as("third")));
            watches.get(0).close();
            watches.get(1).close();
        }));
        watches.add(space.watch(at, 16, as("second")));
        fixture.store(at + 8, 5);
        assertTold("second 8 8");
        cpu.enterGuest();
        assertFault(Fault.NONE, memory.store(at + 16, 8, 9));
        long before = memory.faultAddress();
        fixture.load(at + 8);
        assertFault(Fault.NONE, memory.getAndAdd(at, 8, 6));
        assertEquals(0, memory.value(), "the value that the access has read");
        assertEquals(before, memory.faultAddress());
        assertFault(Fault.NONE, memory.fault());
        assertTold("first");
        assertFault(Fault.ACCERR, memory.store(at, 8, 6));
        assertEquals(7, fixture.load(at));
        cpu.leaveGuest();
        assertEquals(0, space.mprotect(at, PAGE, RW));
        fixture.store(at, 1);
        assertTold();
        fixture.store(at + 8, 1);
        assertTold("third 8 8");
        watches.forEach(Watchpoint::close);
        assertSame(space, cpu.space());
    }
}
