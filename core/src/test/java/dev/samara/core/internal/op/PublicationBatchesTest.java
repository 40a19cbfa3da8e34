// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.fixture.HeldOperations.atOnce;
import static dev.samara.core.fixture.HeldOperations.waits;
import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Calls that visit more VMAs than {@link PublicationBatches#MOST}. */
@ExtendWith(OneThread.class)
@DisplayName("I6: a call over many mappings publishes in batches")
final class PublicationBatchesTest {
    private static final int FIXED = ANONYMOUS | Mman.FIXED;
    private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    /** Three full batches and a partial one. */
    private static final int MAPPINGS = 3 * Operation.BATCH + 8;

    private static final long AT = 0x1_0000_0000L;
    private static final long TARGET = 0x2_0000_0000L;

    /** The length of all mappings, with a page between any two of them. */
    private static final long LENGTH = 2 * MAPPINGS * PAGE;

    /** A lock that runs an action after its release. */
    private static final class HookedLock extends ReentrantLock {
        private static final long serialVersionUID = 1L;

        private final transient AtomicReference<Between> between;

        HookedLock(AtomicReference<Between> between) {
            this.between = between;
        }

        @Override
        public void lock() {
            Objects.requireNonNull(between.get()).beforeLock();
            super.lock();
        }

        @Override
        public boolean isHeldByCurrentThread() {
            Objects.requireNonNull(between.get()).check();
            return super.isHeldByCurrentThread();
        }

        @Override
        public void unlock() {
            super.unlock();
            Objects.requireNonNull(between.get()).afterUnlock();
        }
    }

    private static final long LEAF = PAGE << 9;
    private static final long FAR = 1L << 40;
    private static final long FAR_TARGET = 1L << 41;

    /** Acts between two holds of one thread. */
    private static class Between {
        private final Thread caller;
        private final int when;
        private final Runnable what;
        private int holds;

        Between(Thread caller, int when, Runnable what) {
            this.caller = caller;
            this.when = when;
            this.what = what;
        }

        void beforeLock() {}

        /** Called where the tree checks which thread holds the lock. */
        void check() {}

        void afterUnlock() {
            if (Thread.currentThread() == caller && ++holds == when) {
                what.run();
            }
        }
    }

    /**
     * The holds up to the first batch: an attempt that finds too many VMAs, one that lacks page tables at the target,
     * and the first batch.
     */
    private static final int AFTER_FIRST_BATCH = 3;

    private final AtomicReference<Between> between =
            new AtomicReference<>(new Between(Thread.currentThread(), -1, () -> {}));

    private final SpaceFixture fixture = new SpaceFixture(
            Machine.builder()
                    .memory(1 << 26)
                    .checked(true)
                    .commitLimit(1L << 30)
                    .poisonFrames(true)
                    .reportWaitsLongerThan(Await.LONG)
                    .reportGracePeriodsLongerThan(Await.LONG)
                    .reportShootdownsLongerThan(Await.LONG),
            machine -> MachineInternals.withLocks(machine, () -> new HookedLock(between)));

    private final AddressSpace space = fixture.space;

    /** The number of VMAs in each change, old and new ones. */
    private final List<Integer> changes = new CopyOnWriteArrayList<>();

    /** The failure that a test found between two batches. */
    private @Nullable Throwable found;

    @AfterEach
    void nothingIsLeft() throws Exception {
        between.set(new Between(Thread.currentThread(), -1, () -> {}));
        assertNull(found, () -> "between two batches: " + found);
        space.validate();
        assertEquals(0, space.munmap(AT, LENGTH));
        assertEquals(0, space.munmap(TARGET, LENGTH));
        assertEquals(0, fixture.machine.committed());
        fixture.closeEmpty();
    }

    /**
     * Makes the machine create the page table context of a retirement in advance, which would otherwise cost an
     * attempt.
     */
    @BeforeEach
    void contexts() {
        fixture.map(AT, 1, RW, FIXED, null, 0);
        assertEquals(0, space.munmap(AT, PAGE));
    }

    private interface Step {
        void run() throws Exception;
    }

    /** Runs a step after a number of holds of this thread. */
    private void after(int holds, Step step) {
        between.set(new Between(Thread.currentThread(), holds, () -> {
            try {
                step.run();
            } catch (Throwable thrown) {
                found = thrown;
            }
        }));
    }

    private static long page(long base, int mapping) {
        return base + 2L * mapping * PAGE;
    }

    /** Creates mappings of one page each, which contain their numbers. */
    private void map(long base) {
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(page(base, i), 1, RW, FIXED, null, 0);
            fixture.store(page(base, i), base + i);
        }
    }

    private long move() {
        return space.mremap(AT, LENGTH, LENGTH, MOVE, TARGET);
    }

    private void assertMoved(int count) {
        for (int i = 0; i < MAPPINGS; i++) {
            int mapping = i;
            assertEquals(i < count, space.find(page(TARGET, i)) != null, () -> "the target of mapping " + mapping);
            assertEquals(i >= count, space.find(page(AT, i)) != null, () -> "the source of mapping " + mapping);
        }
    }

    private void assertContents(int moved) {
        for (int i = 0; i < MAPPINGS; i++) {
            assertEquals(AT + i, fixture.load(page(i < moved ? TARGET : AT, i)));
        }
    }

    /** The calls that change VMAs one by one. */
    @SuppressWarnings("ImmutableEnumChecker") // lambdas that capture nothing
    private enum Each {
        MREMAP(space -> space.mremap(AT, LENGTH, LENGTH, MOVE, TARGET)),
        MREMAP_DONTUNMAP(space -> space.mremap(AT, LENGTH, LENGTH, MOVE | Mman.DONTUNMAP, TARGET)),
        MPROTECT(space -> space.mprotect(AT, LENGTH / 2, 0)),
        DONTFORK(space -> space.madvise(AT, LENGTH / 2, Mman.DONTFORK)),
        GUARD_INSTALL(space -> space.madvise(AT, LENGTH / 2, Mman.GUARD_INSTALL)),
        MLOCK(space -> space.mlock2(AT, LENGTH / 2, Mman.ONFAULT)),
        MLOCKALL(space -> space.mlockall(Mman.CURRENT));

        private final ToLongFunction<AddressSpace> call;

        Each(ToLongFunction<AddressSpace> call) {
            this.call = call;
        }

        private boolean keepsHoles() {
            return this == MREMAP || this == MREMAP_DONTUNMAP;
        }
    }

    @ParameterizedTest
    @EnumSource(Each.class)
    @DisplayName("no batch changes more VMAs than a batch may, and each has a hold of the lock of its own")
    void boundedParts(Each each) {
        space.setLimit(Resource.MEMLOCK, -1L);
        if (each.keepsHoles()) {
            map(AT);
        } else {
            // Neighbours differ, so all of them change and none merge.
            for (int i = 0; i < MAPPINGS; i++) {
                fixture.map(
                        AT + i * PAGE, 1, i % 2 == 0 ? RW : READ, FIXED | (i % 3 == 0 ? Mman.NORESERVE : 0), null, 0);
            }
        }
        space.addListener(change ->
                changes.add(Math.max(change.before().size(), change.after().size())));
        assertEquals(each.keepsHoles() ? TARGET : 0, each.call.applyAsLong(space));
        Await.until("all changes are told", () -> changes.size() >= 3);
        // A batch may split or merge VMAs at both ends. A batch that leaves its source mapped stores two VMAs for each
        // one.
        assertTrue(Collections.max(changes) <= 2 * Operation.BATCH + 4, changes::toString);
        assertEquals(0, space.munlockall());
    }

    @Test
    @DisplayName("between two batches of an mremap lookups find some mappings moved; contents move with all of them")
    void lookupsBetween() {
        map(AT);
        after(AFTER_FIRST_BATCH, () -> assertMoved(Operation.BATCH));
        assertEquals(TARGET, move());
        assertMoved(MAPPINGS);
        assertContents(MAPPINGS);
    }

    @Test
    @DisplayName("an operation that names a part of the range waits for all batches")
    void othersWait() throws Exception {
        map(AT);
        AtomicReference<HeldOperations.Caller<Long>> unmaps = new AtomicReference<>();
        AtomicReference<HeldOperations.Caller<Long>> maps = new AtomicReference<>();
        int last = MAPPINGS - 1;
        after(AFTER_FIRST_BATCH, () -> {
            unmaps.set(waits(() -> space.munmap(page(AT, last), PAGE)));
            maps.set(waits(() -> space.mmap(page(TARGET, last) + PAGE, PAGE, RW, FIXED, null, 0)));
        });
        assertEquals(TARGET, move());
        assertEquals(0, Objects.requireNonNull(unmaps.get()).result());
        assertEquals(
                page(TARGET, last) + PAGE, Objects.requireNonNull(maps.get()).result());
        assertMoved(MAPPINGS);
        assertContents(MAPPINGS);
    }

    @Test
    @DisplayName("an operation elsewhere does not wait, and no mapping is placed in the ranges")
    void placementBetween() {
        map(AT);
        long[] placed = new long[2];
        after(AFTER_FIRST_BATCH, () -> {
            placed[0] = atOnce(() -> space.mmap(page(TARGET, MAPPINGS - 1), PAGE, RW, ANONYMOUS, null, 0));
            placed[1] = atOnce(() -> space.mmap(page(AT, 0), PAGE, RW, ANONYMOUS, null, 0));
            assertEquals(0, atOnce(() -> space.munmap(placed[0], PAGE)));
        });
        assertEquals(TARGET, move());
        for (long at : placed) {
            assertFalse(Errno.isError(at), () -> "" + Errno.of(at));
            assertFalse(at >= AT && at < AT + LENGTH, "in the source");
            assertFalse(at >= TARGET && at < TARGET + LENGTH, "in the target");
        }
        assertContents(MAPPINGS);
        assertEquals(0, space.munmap(placed[1], PAGE));
    }

    @Test
    @DisplayName("no mapping is placed in a target that is the highest free range")
    void placementAtTheTop() {
        map(AT);
        long top = fixture.map(0, LENGTH / PAGE, RW, ANONYMOUS, null, 0);
        assertEquals(0, space.munmap(top, LENGTH));
        long[] placed = new long[1];
        after(AFTER_FIRST_BATCH, () -> placed[0] = atOnce(() -> space.mmap(0, PAGE, RW, ANONYMOUS, null, 0)));
        assertEquals(top, space.mremap(AT, LENGTH, LENGTH, MOVE, top));
        assertTrue(placed[0] + PAGE <= top || placed[0] >= top + LENGTH, "in the target");
        assertEquals(0, space.munmap(top, LENGTH));
        assertEquals(0, space.munmap(placed[0], PAGE));
    }

    @Test
    @DisplayName("privileges that are dropped between two batches of an mlock refuse none of it, but the next call")
    void privilegesBetween() {
        mapAlternately();
        space.setLimit(Resource.MEMLOCK, 0);
        space.grant(Capability.IPC_LOCK);
        after(2, () -> space.drop(Capability.IPC_LOCK));
        assertEquals(0, space.mlock2(AT, MAPPINGS * PAGE, Mman.ONFAULT));
        assertEquals(MAPPINGS, space.usage().locked());
        assertEquals(Errno.EPERM.result(), space.mlock(AT, PAGE));
        assertEquals(0, space.munlockall());
    }

    @Test
    @DisplayName("an mlock that wraps counts what is locked up to the top against the limit, and is invalid then")
    void wrappingLock() {
        long low = 0x10_0000;
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(low + 2L * i * PAGE, 2, i % 2 == 0 ? RW : READ, FIXED, null, 0);
        }
        space.drop(Capability.IPC_LOCK);
        space.setLimit(Resource.MEMLOCK, -1L);
        assertEquals(0, space.mlockall(Mman.CURRENT | Mman.ALL_ONFAULT));
        assertTrue(space.usage().locked() > low / PAGE, "the sum is above the limit unless the range is taken off");
        assertEquals(Errno.EINVAL.result(), space.mlock2(low, -low, Mman.ONFAULT));
        space.setLimit(Resource.MEMLOCK, 1L << 40);
        assertEquals(Errno.ENOMEM.result(), space.mlock2(low, -low, Mman.ONFAULT));
        assertEquals(0, space.munmap(low, 2L * MAPPINGS * PAGE));
    }

    /** Creates adjacent mappings that do not merge. */
    private void mapAlternately() {
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(AT + i * PAGE, 1, i % 2 == 0 ? RW : READ, FIXED, null, 0);
        }
    }

    @Test
    @DisplayName("a refusal to make memory executable that is set between two batches stops the call there")
    void mdweBetween() {
        mapAlternately();
        after(2, () -> assertEquals(0, space.setMdwe(Mman.REFUSE_EXEC_GAIN)));
        long result = space.mprotect(AT, MAPPINGS * PAGE, READ | EXEC);
        assertEquals(Errno.EACCES.result(), result);
        Vma last = Objects.requireNonNull(space.find(AT + (MAPPINGS - 1) * PAGE));
        assertFalse(last.has(VmaFlags.EXEC), "became executable after setMdwe had returned");
    }

    @Test
    @DisplayName("a refusal to make memory executable waits for the batch that is being published")
    void mdweDuringPart() throws Exception {
        mapAlternately();
        FutureTask<Long> set = new FutureTask<>(() -> space.setMdwe(Mman.REFUSE_EXEC_GAIN));
        Thread setter = new Thread(set, "setter");
        Thread caller = Thread.currentThread();
        between.set(new Between(caller, -1, () -> {}) {
            @Override
            void check() {
                if (Thread.currentThread() == caller && setter.getState() == Thread.State.NEW) {
                    setter.start();
                    Await.until(
                            "the call parks for the lock, or is done",
                            () -> setter.getState() == Thread.State.WAITING || set.isDone());
                    assertFalse(set.isDone(), "returned while a batch was about to be published");
                }
            }
        });
        long result = space.mprotect(AT, MAPPINGS * PAGE, READ | EXEC);
        assertEquals(0, set.get());
        assertTrue(result == 0 || result == Errno.EACCES.result(), () -> "" + result);
    }

    @Test
    @DisplayName("a fork waits for the last batch: the child has all mappings moved")
    void forkBetween() throws Exception {
        map(AT);
        AtomicReference<HeldOperations.Caller<AddressSpace>> forks = new AtomicReference<>();
        after(AFTER_FIRST_BATCH, () -> forks.set(waits(space::fork)));
        assertEquals(TARGET, move());
        try (AddressSpace child = Objects.requireNonNull(forks.get()).result()) {
            for (int i = 0; i < MAPPINGS; i++) {
                assertNotNull(child.find(page(TARGET, i)));
                assertNull(child.find(page(AT, i)));
            }
            byte[] number = new byte[8];
            assertEquals(8, child.read(page(TARGET, MAPPINGS - 1), number, 0, 8));
            assertEquals((byte) (AT + MAPPINGS - 1), number[0]);
        }
        assertContents(MAPPINGS);
    }

    @Test
    @DisplayName("an error of a later mapping leaves the earlier ones moved")
    void errorInALaterPart() {
        map(AT);
        int sealed = 2 * Operation.BATCH + 5;
        // Sealed memory stays mapped until its space ends, so this case uses its own space.
        try (AddressSpace other = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
            for (int i = 0; i < MAPPINGS; i++) {
                assertEquals(page(AT, i), other.mmap(page(AT, i), PAGE, RW, FIXED, null, 0));
            }
            assertEquals(0, other.mseal(page(AT, sealed), PAGE, 0));
            assertEquals(Errno.EPERM.result(), other.mremap(AT, LENGTH, LENGTH, MOVE, TARGET));
            for (int i = 0; i < MAPPINGS; i++) {
                assertEquals(i < sealed, other.find(page(TARGET, i)) != null);
                assertEquals(i >= sealed, other.find(page(AT, i)) != null);
            }
            other.validate();
        }
    }

    @Test
    @DisplayName("an Error in a later batch leaves the earlier ones moved, and nothing in flight")
    void failureInALaterPart() throws Exception {
        map(AT);
        between.set(new Between(Thread.currentThread(), -1, () -> {}) {
            private int locks;

            @Override
            void beforeLock() {
                if (++locks == AFTER_FIRST_BATCH + 1) {
                    throw new InternalError("planted");
                }
            }
        });
        assertThrows(InternalError.class, this::move);
        assertMoved(Operation.BATCH);
        assertContents(Operation.BATCH);
        assertEquals(0, atOnce(() -> space.munmap(page(AT, MAPPINGS - 1), PAGE)));
        assertEquals(0, atOnce(() -> space.munmap(page(TARGET, 0), PAGE)));
    }

    /** Maps pages in separate leaves, so that each batch of their move lacks page tables. */
    private void mapFar() {
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(FAR + i * LEAF, 1, RW, FIXED, null, 0);
            fixture.store(FAR + i * LEAF, i);
        }
    }

    private long moveFar() {
        return space.mremap(FAR, MAPPINGS * LEAF, MAPPINGS * LEAF, MOVE, FAR_TARGET);
    }

    @Test
    @DisplayName("an interrupt does not end a call of which a batch is published, though a later one lacks page tables")
    void interruptBeforeALaterPart() {
        mapFar();
        after(AFTER_FIRST_BATCH, () -> Thread.currentThread().interrupt());
        assertEquals(FAR_TARGET, moveFar());
        assertTrue(Thread.interrupted());
        for (int i = 0; i < MAPPINGS; i++) {
            assertEquals(i, fixture.load(FAR_TARGET + i * LEAF));
        }
        assertEquals(0, space.munmap(FAR_TARGET, MAPPINGS * LEAF));
    }

    @Test
    @DisplayName("I8: an Error after a later batch has reserved page tables leaves none reserved")
    void failureAfterAReservation() {
        mapFar();
        between.set(new Between(Thread.currentThread(), -1, () -> {}) {
            private int locks;

            @Override
            void beforeLock() {
                // The first attempt of the second batch found that it lacks page tables.
                if (++locks == AFTER_FIRST_BATCH + 2) {
                    throw new InternalError("planted");
                }
            }
        });
        assertThrows(InternalError.class, this::moveFar);
        assertEquals(0, space.munmap(FAR, MAPPINGS * LEAF));
        assertEquals(0, space.munmap(FAR_TARGET, MAPPINGS * LEAF));
        assertEquals(0, fixture.layout().pages().tables());
    }

    @Test
    @DisplayName("an Error in the middle of a batch leaves no trace of that batch")
    void failureWithinAPart() {
        map(AT);
        between.set(new Between(Thread.currentThread(), -1, () -> {}) {
            private int locks;
            private int checks;

            @Override
            void beforeLock() {
                locks++;
            }

            @Override
            void check() {
                if (locks == AFTER_FIRST_BATCH + 1 && ++checks == 100) {
                    throw new InternalError("planted");
                }
            }
        });
        assertThrows(InternalError.class, this::move);
        assertMoved(Operation.BATCH);
        assertContents(Operation.BATCH);
    }

    @Test
    @DisplayName("mappings at the target are replaced batch by batch, with their pages and charges")
    void occupiedTarget() {
        map(AT);
        map(TARGET);
        long committed = fixture.machine.committed();
        assertEquals(TARGET, move());
        assertMoved(MAPPINGS);
        assertContents(MAPPINGS);
        assertEquals(committed / 2, fixture.machine.committed());
    }

    @Test
    @DisplayName("with DONTUNMAP the sources of all batches stay mapped, and are empty")
    void emptiedSources() {
        map(AT);
        assertEquals(TARGET, space.mremap(AT, LENGTH, LENGTH, MOVE | Mman.DONTUNMAP, TARGET));
        for (int i = 0; i < MAPPINGS; i++) {
            assertEquals(AT + i, fixture.load(page(TARGET, i)));
            assertEquals(0, fixture.load(page(AT, i)));
        }
    }

    @Test
    @DisplayName("shared memory moves batch by batch, over other shared memory")
    void sharedMemory() {
        int shared = Mman.SHARED | Mman.ANONYMOUS | Mman.FIXED;
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(page(AT, i), 1, RW, shared, null, 0);
            fixture.store(page(AT, i), AT + i);
            fixture.map(page(TARGET, i), 1, RW, shared, null, 0);
        }
        long committed = fixture.machine.committed();
        assertEquals(TARGET, move());
        assertContents(MAPPINGS);
        assertEquals(committed / 2, fixture.machine.committed());
    }

    @Test
    @DisplayName("the asynchronous form has published all batches when it returns")
    void asynchronous() {
        map(AT);
        PendingCall call = space.mremapAsync(AT, LENGTH, LENGTH, MOVE, TARGET);
        assertEquals(TARGET, call.result());
        assertMoved(MAPPINGS);
        assertEquals(TARGET, call.join());
        assertContents(MAPPINGS);
    }

    @Test
    @DisplayName("a call that may have to ask a backing publishes once, since no backing is asked in flight")
    void backingIsAsked() {
        CountingBacking file = new CountingBacking("file", MAPPINGS);
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(page(AT, i), 1, RW, Mman.PRIVATE | Mman.FIXED, file, i);
        }
        space.addListener(change -> changes.add(change.after().size()));
        assertEquals(TARGET, move());
        assertMoved(MAPPINGS);
        Await.until("the change is told", () -> !changes.isEmpty());
        assertEquals(List.of(MAPPINGS), changes);
    }

    @Test
    @DisplayName("mseal of many mappings with a hole seals none")
    void sealWithHole() {
        map(AT);
        assertEquals(Errno.ENOMEM.result(), space.mseal(AT, LENGTH, 0));
        for (int i = 0; i < MAPPINGS; i++) {
            Vma vma = space.find(page(AT, i));
            assertTrue(vma != null && !vma.has(VmaFlags.SEALED));
        }
    }

    @Test
    @DisplayName("neighbours are joined across batches: equal mappings become one")
    void joinedAcrossParts() {
        for (int i = 0; i < MAPPINGS; i++) {
            fixture.map(AT + i * PAGE, 1, i % 2 == 0 ? RW : READ, FIXED, null, 0);
            assertEquals(0, fixture.load(AT + i * PAGE));
        }
        assertEquals(0, space.mprotect(AT, MAPPINGS * PAGE, READ));
        assertSingle(AT, MAPPINGS * PAGE);
        assertEquals(0, space.mprotect(AT, MAPPINGS * PAGE, RW));
        assertSingle(AT, MAPPINGS * PAGE);
    }

    private void assertSingle(long start, long length) {
        Vma vma = space.find(start);
        assertTrue(vma != null && vma.start() == start && vma.length() == length, () -> "" + vma);
    }

    @Test
    @DisplayName("a hole between many mappings is ENOMEM at the end of madvise, and at once of mprotect")
    void holes() {
        map(AT);
        int hole = 2 * Operation.BATCH;
        for (int i = 0; i < MAPPINGS; i++) {
            if (i != hole) {
                fixture.map(page(AT, i) + PAGE, 1, READ, FIXED, null, 0);
            }
        }
        assertEquals(Errno.ENOMEM.result(), space.madvise(AT, LENGTH, Mman.DONTFORK));
        assertEquals(Errno.ENOMEM.result(), space.msync(AT, LENGTH, 4));
        assertEquals(Errno.ENOMEM.result(), space.mprotect(AT, LENGTH, 0));
        for (int i = 0; i < MAPPINGS; i++) {
            Vma vma = space.find(page(AT, i));
            assertTrue(vma != null && vma.has(VmaFlags.DONTCOPY));
            assertEquals(i > hole, vma.has(VmaFlags.READ));
        }
    }
}
