// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.testing.Explored;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * P48: a thread makes change number i, and then it, or another thread that has seen the change, stores i to a page. A
 * child of a concurrent fork that contains the store contains the change; so does the space after the restore of a
 * concurrent checkpoint. {@code -Dfork.children=N} judges N of each kind.
 */
class ForkOfOneInstantTest {
    private static final int CHILDREN = Integer.getInteger("fork.children", 30);

    /** The places of changes, which are used in turn. */
    private static final int PLACES = 256;

    /** Pages between the places and the page of the last store, so that a fork takes some time between them. */
    private static final int BETWEEN = 1024;

    private static final long LOW = 0x1000_0000L;
    private static final long HIGH = 0x7000_0000_0000L;

    private static final long PAGE = SpaceFixture.PAGE;

    /** The kinds of changes. */
    enum Change {
        /** Stores to a page that each fork shares again, and that a later fault copies or uses again. */
        PRESENT,
        /** Stores to a page that is pinned, as is the page of the last store. Each fork copies such pages. */
        PINNED,
        FIRST_TOUCH,
        ZERO_PAGE,
        FILE_PAGE,
        STACK,
        MAP,
        DISCARD,
        PROTECT
    }

    @ParameterizedTest
    @CsvSource({
        "PRESENT, 1",
        "PRESENT, 2",
        "PINNED, 1",
        "PINNED, 2",
        "FIRST_TOUCH, 1",
        "FIRST_TOUCH, 2",
        "ZERO_PAGE, 1",
        "ZERO_PAGE, 2",
        "FILE_PAGE, 1",
        "FILE_PAGE, 2",
        "STACK, 1",
        "STACK, 2",
        "MAP, 1",
        "MAP, 2",
        "DISCARD, 1",
        "DISCARD, 2",
        "PROTECT, 1",
        "PROTECT, 2"
    })
    @DisplayName("P48: a child that has a store has the change before it, by one thread or two")
    @Explored(4)
    void children(Change change, int threads) throws Exception {
        judge(change, threads, Run::judgeChild);
    }

    @ParameterizedTest
    @CsvSource({
        "PRESENT, 1",
        "PRESENT, 2",
        "FIRST_TOUCH, 1",
        "FIRST_TOUCH, 2",
        "ZERO_PAGE, 1",
        "ZERO_PAGE, 2",
        "FILE_PAGE, 1",
        "FILE_PAGE, 2",
        "DISCARD, 1",
        "DISCARD, 2"
    })
    @DisplayName("P48: a restored space that has a store has the change before it, by one thread or two")
    @Explored(4)
    void checkpoints(Change change, int threads) throws Exception {
        judge(change, threads, Run::judgeCheckpoint);
    }

    private static void judge(Change change, int threads, Predicate<Run> judge) throws Exception {
        try (SpaceFixture fixture = new SpaceFixture()) {
            Run run = new Run(fixture, change);
            List<Thread> storing = new ArrayList<>();
            storing.add(run.start(threads == 1 ? run::changeAndStore : run::changeAndSignal));
            if (threads == 2) {
                storing.add(run.start(run::storeAfterSignal));
            }
            try {
                for (int judged = 0; judged < CHILDREN && run.failure.get() == null; ) {
                    judged += judge.test(run) ? 1 : 0;
                }
            } finally {
                run.ends = true;
                for (Thread thread : storing) {
                    thread.join();
                }
                run.close();
            }
            assertEquals(null, run.failure.get());
        }
    }

    /** The threads and pages of one test. */
    private static final class Run {
        private final SpaceFixture fixture;
        private final AddressSpace space;
        private final Change change;
        private final MemoryFile file;

        /** The places; the number of the last signalled change; the number of the last change that was stored. */
        private final long places;

        private final long signal;
        private final long last;

        private final AtomicReference<Throwable> failure = new AtomicReference<>();
        private volatile boolean ends;

        /** Whether the thread that makes changes is to pause, and whether it does. */
        private volatile boolean pauses;

        private volatile boolean isPaused;

        /** The number of the last store that the restored space contains. */
        private volatile long restored;

        /** The checkpoint that is restored next, if it is not followed by others; null before the first one. */
        private @Nullable Checkpoint kept;

        /** A child that is kept, so that the pages of the parent are shared; replaced now and then. */
        private AddressSpace elder;

        private final List<PinnedFrame> pins = new ArrayList<>();

        private final byte[] bytes = new byte[Long.BYTES];
        private final ByteBuffer value = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);

        Run(SpaceFixture fixture, Change change) {
            this.fixture = fixture;
            this.change = change;
            space = fixture.space;
            file = fixture.machine.newFile("file", 1, SpaceFixture.GEOMETRY, PLACES * PAGE);
            places = switch (change) {
                case FILE_PAGE -> fixture.map(LOW, PLACES, SpaceFixture.RW, Mman.PRIVATE, file.open(), 0);
                case STACK -> stack();
                default -> fixture.map(LOW, PLACES, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0);
            };
            // Above the places, because a fork copies in the order of addresses, but not adjacent to them.
            last = fixture.map(HIGH, BETWEEN, SpaceFixture.RW, SpaceFixture.ANONYMOUS, null, 0) + (BETWEEN - 1) * PAGE;
            signal = last - PAGE;
            assertTrue(places < last);
            for (int i = 0; i < BETWEEN; i++) {
                fixture.memory.store(last - i * PAGE, Long.BYTES, 0);
            }
            if (change == Change.PINNED) {
                // A pin of the zero page would not count.
                fixture.memory.store(places, Long.BYTES, 0);
                pins.add(SpaceFixture.pin(fixture.memory, places, SpaceFixture.READ));
                for (int i = 0; i < BETWEEN; i++) {
                    pins.add(SpaceFixture.pin(fixture.memory, last - i * PAGE, SpaceFixture.READ));
                }
            }
            elder = space.fork();
        }

        private long stack() {
            long start = LOW;
            fixture.map(
                    start + PLACES * PAGE,
                    1,
                    SpaceFixture.RW,
                    SpaceFixture.ANONYMOUS | Mman.GROWSDOWN | Mman.FIXED,
                    null,
                    0);
            return start;
        }

        Thread start(Runnable body) {
            Thread thread = new Thread(() -> {
                try {
                    body.run();
                } catch (Throwable thrown) {
                    failure.compareAndSet(null, thrown);
                }
            });
            thread.start();
            return thread;
        }

        void changeAndStore() {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(space);
                for (long i = 1; !ends; i++) {
                    change(cpu, i);
                    store(cpu, last, i);
                    i = pause(i);
                }
                cpu.switchTo(null);
            }
        }

        void changeAndSignal() {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(space);
                for (long i = 1; !ends; i++) {
                    long number = i;
                    change(cpu, i);
                    store(cpu, signal, i);
                    spin(cpu, () -> load(cpu, last) == number);
                    i = pause(i);
                }
                cpu.switchTo(null);
            }
        }

        /** Waits while a checkpoint is restored. Returns the number of the last change, as of then. */
        private long pause(long number) {
            boolean waited = false;
            while (pauses && !ends) {
                waited = true;
                isPaused = true;
                Awake.turn();
            }
            isPaused = false;
            return waited ? restored : number;
        }

        void storeAfterSignal() {
            try (Cpu cpu = fixture.machine.claimCpu()) {
                cpu.switchTo(space);
                while (!ends) {
                    spin(cpu, () -> load(cpu, signal) != load(cpu, last));
                    store(cpu, last, load(cpu, signal));
                }
                cpu.switchTo(null);
            }
        }

        private void spin(Cpu cpu, BooleanSupplier isReached) {
            cpu.enterGuest();
            while (!ends && failure.get() == null && !isReached.getAsBoolean()) {
                cpu.poll();
                Awake.turn();
            }
            cpu.leaveGuest();
        }

        private static void store(Cpu cpu, long address, long number) {
            cpu.enterGuest();
            assertEquals(Fault.NONE, cpu.memory().store(address, Long.BYTES, number));
            cpu.leaveGuest();
        }

        private static long load(Cpu cpu, long address) {
            assertEquals(Fault.NONE, cpu.memory().load(address, Long.BYTES));
            return cpu.memory().value();
        }

        private long place(long number) {
            int index = (int) (number % PLACES);
            return places + (change == Change.STACK ? PLACES - 1 - index : index) * PAGE;
        }

        private void change(Cpu cpu, long number) {
            long place = place(number);
            if (number % PLACES == 0) {
                reset();
            }
            switch (change) {
                case PRESENT, PINNED -> store(cpu, places, number);
                case FIRST_TOUCH, FILE_PAGE, STACK -> store(cpu, place, number);
                case ZERO_PAGE -> {
                    // Not 0 if the change was undone after its store.
                    long known = load(cpu, place);
                    assertTrue(known == 0 || known == number, () -> "a new page contains " + known);
                    store(cpu, place, number);
                }
                case MAP -> succeeded(space.munmap(place, PAGE));
                case DISCARD -> {
                    store(cpu, place, number);
                    succeeded(space.madvise(place, PAGE, Mman.DONTNEED));
                }
                case PROTECT -> succeeded(space.mprotect(place, PAGE, Mman.READ));
            }
        }

        /** Undoes the changes in all places. */
        private void reset() {
            switch (change) {
                case FIRST_TOUCH, ZERO_PAGE, FILE_PAGE ->
                    succeeded(space.madvise(places, PLACES * PAGE, Mman.DONTNEED));
                case STACK -> succeeded(space.munmap(places, PLACES * PAGE));
                case MAP ->
                    assertEquals(
                            places,
                            space.mmap(
                                    places,
                                    PLACES * PAGE,
                                    SpaceFixture.RW,
                                    SpaceFixture.ANONYMOUS | Mman.FIXED,
                                    null,
                                    0));
                case PROTECT -> succeeded(space.mprotect(places, PLACES * PAGE, SpaceFixture.RW));
                case PRESENT, PINNED, DISCARD -> {}
            }
        }

        private static void succeeded(long result) {
            assertEquals(0, result, () -> Errno.of(result).toString());
        }

        /** Forks once. Returns whether the child shows anything: not right before the changes are undone. */
        boolean judgeChild() {
            AddressSpace child = space.fork();
            long number = read(child, last);
            boolean isJudged = number != 0 && number % PLACES != PLACES - 1;
            if (isJudged) {
                assertTrue(
                        hasChange(child, number), () -> "a child with store " + number + " lacks the change before it");
            }
            if (number % 3 == 0) {
                elder.close();
                elder = child;
            } else {
                child.close();
            }
            return isJudged;
        }

        /**
         * Makes a checkpoint, lets the threads run, stops them, and restores it. Every third checkpoint stays, so that
         * later ones are made beside it. Returns whether the state shows anything.
         */
        boolean judgeCheckpoint() {
            Checkpoint checkpoint = space.checkpoint();
            long before = read(space, last);
            while (!ends && failure.get() == null && read(space, last) < before + 3) {
                Awake.turn();
            }
            pauses = true;
            while (!isPaused && failure.get() == null) {
                Awake.turn();
            }
            checkpoint.restoreRunning();
            long number = read(space, last);
            boolean isJudged = number != 0 && number % PLACES != PLACES - 1;
            if (isJudged) {
                assertTrue(
                        hasChange(space, number), () -> "a restored store " + number + " lacks the change before it");
            }
            Checkpoint older = kept;
            if (older == null) {
                kept = checkpoint;
            } else {
                (number % 2 == 0 ? checkpoint : older).close();
                kept = number % 2 == 0 ? older : checkpoint;
            }
            restored = number;
            pauses = false;
            while (isPaused && failure.get() == null) {
                Awake.turn();
            }
            return isJudged;
        }

        private boolean hasChange(AddressSpace child, long number) {
            long place = place(number);
            Vma vma = child.find(place);
            return switch (change) {
                case PRESENT, PINNED -> read(child, places) >= number;
                case FIRST_TOUCH, ZERO_PAGE, FILE_PAGE -> read(child, place) == number;
                case STACK -> vma != null && read(child, place) == number;
                case MAP -> vma == null;
                case DISCARD -> read(child, place) == 0;
                case PROTECT -> !Objects.requireNonNull(vma).has(VmaFlags.WRITE);
            };
        }

        private long read(AddressSpace from, long address) {
            assertEquals(Long.BYTES, from.read(address, bytes, 0, Long.BYTES));
            return value.getLong(0);
        }

        void close() {
            elder.close();
            if (kept != null) {
                kept.close();
            }
            pins.forEach(PinnedFrame::close);
            succeeded(space.munmap(places, (PLACES + 1) * PAGE));
            file.close();
        }
    }
}
