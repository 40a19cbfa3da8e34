// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Watchpoint;
import dev.samara.core.event.WatchpointFixture;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.RepeatedStep;
import dev.samara.core.internal.page.PageTableContexts;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName("A space that is read and written without a CPU")
final class RemoteAccessTest extends WatchpointFixture {
    private static final long NUMBER = 0x1122_3344_5566_7788L;
    private static final int CALLS = 1_000;

    private static ByteBuffer number(long number) {
        return ByteBuffer.allocateDirect(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, number);
    }

    private static long read(AddressSpace from, long address) {
        ByteBuffer target = number(-1);
        assertEquals(8, from.read(address, target));
        return target.getLong(0);
    }

    @ParameterizedTest
    @ValueSource(ints = {Mman.PRIVATE, Mman.SHARED})
    @DisplayName("allows what a CPU may do with the rights of the mapping, and is EFAULT otherwise")
    void rights(int kind) {
        for (int rights = 0; rights <= (READ | WRITE | EXEC); rights++) {
            long page = fixture.map(0, 1, RW, kind | Mman.ANONYMOUS, null, 0);
            fixture.store(page, NUMBER);
            assertEquals(0, space.mprotect(page, PAGE, rights));
            ByteBuffer target = number(0);
            if (rights == 0) {
                assertResult(Errno.EFAULT, space.read(page, target));
                assertEquals(0, target.position());
            } else {
                assertEquals(NUMBER, read(space, page));
            }
            ByteBuffer source = number(7);
            if ((rights & WRITE) == 0) {
                assertResult(Errno.EFAULT, space.write(page, source));
                assertEquals(0, source.position());
            } else {
                assertEquals(8, space.write(page, source));
            }
            assertEquals(0, space.mprotect(page, PAGE, READ));
            assertEquals((rights & WRITE) == 0 ? NUMBER : 7, fixture.load(page));
        }
    }

    @Test
    @DisplayName("is refused without an array or a buffer, before a page is faulted in")
    @SuppressWarnings("NullAway") // what it tests
    void withoutBytes() {
        long page = fixture.map(0, 1, RW, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        long before = space.residency().anonymous();
        for (int length : new int[] {-1, 0, 16}) {
            assertThrows(NullPointerException.class, () -> space.write(page, (byte[]) null, 0, length));
            assertThrows(NullPointerException.class, () -> space.read(page, (byte[]) null, 0, length));
        }
        assertThrows(NullPointerException.class, () -> space.write(page, (ByteBuffer) null));
        assertThrows(NullPointerException.class, () -> space.read(page, (ByteBuffer) null));
        assertEquals(before, space.residency().anonymous());
    }

    @Test
    @DisplayName("has a count if a later page fails, for arrays and buffers")
    void partial() {
        long end = at + 8 * PAGE;
        assertEquals(0, space.munmap(end - PAGE, PAGE));
        byte[] bytes = new byte[(int) (2 * PAGE)];
        assertEquals(PAGE, space.write(end - 2 * PAGE, bytes, 0, bytes.length));
        assertEquals(100, space.read(end - PAGE - 100, bytes, 5, 200));
        assertResult(Errno.EFAULT, space.read(end - PAGE, bytes, 0, 1));
        assertEquals(0, space.read(end - PAGE, bytes, 0, 0));
        assertThrows(IndexOutOfBoundsException.class, () -> space.read(at, bytes, 1, bytes.length));
        ByteBuffer readOnly = ByteBuffer.wrap(bytes).asReadOnlyBuffer();
        assertThrows(ReadOnlyBufferException.class, () -> space.read(at, readOnly));
        assertEquals(bytes.length, space.write(at, readOnly));
    }

    @Test
    @DisplayName("copies a page that a child shares, and tells watchers")
    @SuppressWarnings("try") // used only for its close
    void copyOnWrite() {
        fixture.store(at, 1);
        try (AddressSpace child = space.fork();
                Watchpoint watch = space.watch(at, 4, as("w"))) {
            assertEquals(8, child.write(at, number(2)));
            assertEquals(1, fixture.load(at));
            assertTold();
            assertEquals(8, space.write(at, number(3)));
            assertTold("w 0 8");
            assertEquals(2, read(child, at));
            assertEquals(3, read(space, at));
        }
    }

    @Test
    @DisplayName("waits for a CPU in GUEST that has the old translation of a page that it copies")
    void besideGuest() throws Exception {
        fixture.store(at, 1);
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (AddressSpace child = space.fork();
                OtherCpu other = new OtherCpu(space)) {
            CountDownLatch inGuest = new CountDownLatch(1);
            AtomicBoolean isWritten = new AtomicBoolean();
            Future<Long> seen = other.submit(of -> {
                of.enterGuest();
                try {
                    assertFault(Fault.NONE, of.memory().load(at, 8));
                    assertEquals(1, of.memory().value());
                    inGuest.countDown();
                    while (of.memory().value() == 1) {
                        of.poll();
                        boolean was = isWritten.get();
                        assertFault(Fault.NONE, of.memory().load(at, 8));
                        assertFalse(was && of.memory().value() == 1, "the old page after the write");
                    }
                    return of.memory().value();
                } finally {
                    of.leaveGuest();
                }
            });
            inGuest.await();
            Future<Long> write = thread.submit(() -> {
                long result = space.write(at, number(2));
                isWritten.set(true);
                return result;
            });
            assertEquals(8, write.get());
            assertEquals(2, seen.get());
            assertEquals(1, read(child, at));
        } finally {
            thread.shutdownNow();
        }
    }

    @Test
    @DisplayName("gives its CPU back after each call, also after one that throws")
    void noLeak() {
        ByteBuffer buffer = number(0);
        for (int call = 0; call < CALLS; call++) {
            assertEquals(8, space.read(at, buffer.clear()));
        }
        ByteBuffer readOnly = buffer.asReadOnlyBuffer();
        for (int call = 0; call < 100; call++) {
            assertThrows(ReadOnlyBufferException.class, () -> space.read(at, readOnly));
        }
        assertEquals(1, space.cpus());
        PageTableContexts contexts = fixture.layout().memory().contexts;
        PageTableContext next = contexts.newContext("next");
        contexts.discard(next);
        assertTrue(next.owner < CALLS / 2, "the number of an ended context is given out again");
    }

    @Test
    @DisplayName("allocates nothing, for buffers and arrays, on a thread that has made such calls")
    void allocatesNothing() {
        ByteBuffer direct = number(1);
        ByteBuffer heap = ByteBuffer.allocate(8);
        byte[] bytes = new byte[8];
        AllocatedBytes.assertNone(i -> {
            space.write(at, direct.clear());
            space.read(at, heap.clear());
            space.write(at + PAGE - 4, bytes, 0, 8);
            space.read(at + PAGE, bytes, 0, 8);
            space.readForced(at, heap.clear());
            space.writeForced(at, direct.clear());
        });
        assertEquals(1, space.cpus());
    }

    @Test
    @DisplayName("allocates nothing either on a thread without a CPU")
    void allocatesNothingWithoutACpu() throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            ByteBuffer buffer = number(1);
            Future<?> done = thread.submit(() -> AllocatedBytes.assertNone(i -> space.write(at, buffer.clear())));
            done.get();
        } finally {
            thread.shutdownNow();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("ends with a count after 512 pages if the reference is closed meanwhile, for arrays and buffers")
    @SuppressWarnings("try") // used only for its close
    void closedMeanwhile(boolean isBuffer) {
        int part = 512 * (int) PAGE;
        long place = fixture.map(0, 1024, READ, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        int all = 2 * part;
        byte[] target = new byte[all];
        AddressSpace other = space.get();
        try (Watchpoint watch = space.watchReads(place, 1, (access, address, length, value) -> other.close())) {
            long done = isBuffer ? other.read(place, ByteBuffer.wrap(target)) : other.read(place, target, 0, all);
            assertEquals(part, done);
            assertResult(Errno.ESRCH, other.read(place, target, 0, 1));
            assertEquals(all, space.read(place, target, 0, all));
        }
    }

    @Test
    @DisplayName("is refused while a CPU of the thread is in GUEST")
    void inGuest() {
        cpu.enterGuest();
        ByteBuffer buffer = number(0);
        assertThrows(IllegalStateException.class, () -> space.read(at, buffer));
        assertThrows(IllegalStateException.class, () -> space.write(at, buffer));
        cpu.leaveGuest();
        assertEquals(8, space.read(at, buffer));
    }

    @Test
    @DisplayName("is a count or EFAULT beside munmap, with the bytes of a mapping that was there")
    void besideMunmap() throws Exception {
        long place = fixture.map(0, 2, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        Random positions = new Random(23);
        ByteBuffer buffer = ByteBuffer.allocateDirect((int) PAGE).order(ByteOrder.LITTLE_ENDIAN);
        try (RepeatedStep accesses = new RepeatedStep("accesses", () -> {
            long from = place + PAGE / 2 + 8L * positions.nextInt(64);
            boolean writes = positions.nextBoolean();
            buffer.clear().putLong(0, NUMBER);
            long result = writes ? space.write(from, buffer) : space.read(from, buffer);
            assertTrue(result == Errno.EFAULT.result() || (result > 0 && result == buffer.position()));
            if (result > 0 && !writes) {
                assertTrue(buffer.getLong(0) == 0 || buffer.getLong(0) == NUMBER);
            }
        })) {
            Random random = new Random(24);
            for (int round = 0; round < 3_000 && accesses.goesOn(); round++) {
                long page = place + random.nextInt(2) * PAGE;
                assertEquals(0, space.munmap(page, PAGE));
                fixture.map(page, 1, RW, Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED, null, 0);
            }
        }
    }
}
