// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Awake;
import dev.samara.core.fixture.CountedPages;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Nested checkpoints are made, restored and closed in any order, beside CPUs that store in order, and beside threads
 * that change mappings of their own. {@code -Dsamara.seed=N} makes other choices, {@code -Dcheckpoint.rounds=N} sets
 * the number of rounds.
 */
@ExtendWith(OneThread.class)
final class CheckpointStormTest {
    private static final long SEED = Long.getLong("samara.seed", 1);
    private static final int ROUNDS =
            Integer.getInteger("checkpoint.rounds", Boolean.getBoolean("samara.torture") ? 500 : 20);

    /** The number of pages that each pair of CPUs stores to in turn: half of them anonymous, half of a private file. */
    private static final int PLACES = 32;

    private static final int PAIRS = 2;
    private static final int MOST_CHECKPOINTS = 8;
    private static final int SELDOM = 32;
    private static final int MOST_SPINS = 20_000;

    private static final long FIRST = 0x1000_0000L;
    private static final long STRIDE = 0x4000_0000L;
    private static final long CHANGED = 0x10_0000_0000L;
    private static final int CHANGED_PAGES = 48;

    private final SpaceFixture fixture = new SpaceFixture(1 << 14);
    private final AddressSpace space = fixture.space;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean ends;
    private volatile boolean pauses;

    /** The number of the last pause. */
    private volatile int pause;

    private int pausesBegun;

    /** The number of threads that take part in that pause. */
    private final AtomicInteger paused = new AtomicInteger();

    /** The content of the pages of a pair: of the places, and of the page of the last store. */
    private static final class Contents {
        private final long[] places;
        private final long last;

        Contents(long[] places, long last) {
            this.places = places;
            this.last = last;
        }
    }

    /**
     * One CPU stores n to the place of n, in turn. Then another one stores n to another page. It knows of the first
     * store from a variable of the host, which no restore changes.
     */
    private final class Pair {
        private final MemoryFile file;
        private final long places;
        private final long last;

        /** The number of the last step that began, and of the last one that ended. */
        private volatile long begun;

        private volatile long ended;

        /** Whether the CPU that begins steps pauses. */
        private volatile boolean isStopped;

        Pair(int number) {
            file = fixture.machine.newFile("file", number, SpaceFixture.GEOMETRY, PLACES * PAGE);
            places = FIRST + number * STRIDE;
            last = places + STRIDE / 2;
            fixture.map(places, PLACES / 2, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
            fixture.map(
                    places + PLACES / 2 * PAGE, PLACES / 2, SpaceFixture.RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
            fixture.map(last, 1, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
            step();
        }

        private long place(long number) {
            return places + number % PLACES * PAGE;
        }

        /** Makes a step, while no CPU stores. */
        final void step() {
            long number = begun + 1;
            fixture.store(place(number), number);
            fixture.store(last, number);
            begun = number;
            ended = number;
        }

        final Contents contents() {
            long[] found = new long[PLACES];
            for (int i = 0; i < PLACES; i++) {
                found[i] = fixture.load(place(i));
            }
            return new Contents(found, fixture.load(last));
        }

        /** Makes pages absent, or maps the zero page or a page of the file, while no CPU stores. */
        final void refresh(Random random) {
            for (int i = 0; i < PLACES; i++) {
                int choice = random.nextInt(4);
                if (choice < 2) {
                    assertEquals(0, space.madvise(place(i), PAGE, Mman.DONTNEED));
                }
                if (choice == 1) {
                    fixture.load(place(i));
                }
            }
        }

        private void storeFirst(Random random) {
            run(() -> isStopped = pauses, cpu -> {
                for (int i = 1 + random.nextInt(SELDOM); !pauses && i > 0 && begun == ended; i--) {
                    long number = begun + 1;
                    store(cpu, place(number), number);
                    begun = number;
                    await(cpu, number, random);
                }
            });
        }

        private void await(Cpu cpu, long number, Random random) {
            while (ended != number && !isOver()) {
                turn(cpu, random);
            }
        }

        /** Pauses after the other CPU, which waits for the last store of its step. */
        private void storeLast(Random random) {
            run(() -> pauses && isStopped && isIdle(), cpu -> {
                for (int i = random.nextInt(SELDOM * SELDOM); i > 0 && !pauses; i--) {
                    endStep(cpu, random);
                }
                endStep(cpu, random);
            });
        }

        private void endStep(Cpu cpu, Random random) {
            long number = begun;
            if (ended == number) {
                turn(cpu, random);
            } else {
                store(cpu, last, number);
                ended = number;
            }
        }

        final void start(Random random) {
            Random own = new Random(random.nextLong());
            CheckpointStormTest.this.start(() -> storeFirst(own));
            Random other = new Random(random.nextLong());
            CheckpointStormTest.this.start(() -> storeLast(other));
        }

        private boolean isIdle() {
            return begun == ended;
        }

        /** What a checkpoint has is of one instant: all steps up to the last store, and at most the next place. */
        final void judge(Contents found, String when) {
            assertEquals(found.last, found.places[(int) (found.last % PLACES)], when + ": the place of the last store");
            for (int i = 0; i < PLACES; i++) {
                long seen = found.places[i];
                assertTrue(
                        seen == 0 || (seen <= found.last + 1 && seen % PLACES == i),
                        () -> when + ": " + seen + " beside a last store of " + found.last);
            }
        }

        /** The steps that a restore undid began before those that it did not undo. */
        final void judgeUndone(Contents found, Contents restored, String when) {
            long least = Long.MAX_VALUE;
            for (int i = 0; i < PLACES; i++) {
                least = found.places[i] == restored.places[i] ? least : Math.min(least, found.places[i]);
            }
            for (long number = least; number <= begun; number++) {
                assertEquals(number, found.places[(int) (number % PLACES)], when + ": a place since " + least);
            }
            assertTrue(
                    least == Long.MAX_VALUE || found.last == ended,
                    () -> when + ": the last store is undone, but not the one before it");
        }
    }

    /** What a thread does with its CPU in GUEST, again and again. */
    private interface Turn {
        void run(Cpu cpu);
    }

    private boolean isOver() {
        return ends || failure.get() != null;
    }

    private void run(BooleanSupplier mustPause, Turn turn) {
        try (Cpu cpu = fixture.machine.claimCpu()) {
            cpu.switchTo(space);
            int known = 0;
            while (!isOver()) {
                if (mustPause.getAsBoolean()) {
                    int current = pause;
                    if (known != current) {
                        known = current;
                        paused.incrementAndGet();
                    }
                    Awake.turn();
                } else {
                    cpu.enterGuest();
                    turn.run(cpu);
                    cpu.leaveGuest();
                }
            }
            cpu.switchTo(null);
        }
    }

    /** Waits a little, in GUEST; polls only now and then, so that old translations stay for a while. */
    private static void turn(Cpu cpu, Random random) {
        if (random.nextInt(SELDOM) == 0) {
            cpu.poll();
        }
        Awake.turn();
    }

    private static void store(Cpu cpu, long address, long number) {
        int fault = cpu.memory().store(address, Long.BYTES, number);
        assertEquals(Fault.NONE, fault, () -> Fault.toString(fault));
    }

    private void start(Runnable body) {
        Thread thread = new Thread(() -> {
            try {
                body.run();
            } catch (Throwable thrown) {
                failure.compareAndSet(null, thrown);
            }
        });
        threads.add(thread);
        thread.start();
    }

    /** Changes the mappings of a range of its own, which restores change back at any time. */
    private void change(Random random, long start) {
        try (Cpu cpu = fixture.machine.claimCpu()) {
            cpu.switchTo(space);
            while (!isOver()) {
                long at = start + random.nextInt(CHANGED_PAGES) * PAGE;
                long length = (1 + random.nextInt(8)) * PAGE;
                switch (random.nextInt(8)) {
                    case 0, 1 -> space.mmap(at, length, SpaceFixture.RW, SpaceFixture.ANONYMOUS | Mman.FIXED, null, 0);
                    case 2 -> space.munmap(at, length);
                    case 3 -> space.mprotect(at, length, random.nextBoolean() ? SpaceFixture.READ : SpaceFixture.RW);
                    case 4 -> space.madvise(at, length, Mman.DONTNEED);
                    case 5 -> {
                        long target = at + 2 * CHANGED_PAGES * PAGE;
                        space.mremap(at, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, target);
                    }
                    case 6 -> fork(random, at);
                    default -> {
                        for (int i = 0; i < 16; i++) {
                            cpu.memory().store(start + random.nextInt(CHANGED_PAGES) * PAGE, Long.BYTES, i);
                        }
                    }
                }
            }
            cpu.switchTo(null);
        }
    }

    private void fork(Random random, long at) {
        try (AddressSpace child = space.fork()) {
            child.write(at, new byte[] {1}, 0, 1);
            if (random.nextBoolean()) {
                child.checkpoint().restore();
            }
        } catch (MmException noMemory) {
            assertEquals(Errno.ENOMEM, noMemory.errno());
        }
    }

    private void spin(Random random) {
        for (int i = random.nextInt(MOST_SPINS); i > 0; i--) {
            Thread.onSpinWait();
        }
        if (random.nextInt(4) == 0) {
            Awake.turn();
        }
    }

    /** Lets the storing threads end their step, and wait. */
    private void stop() {
        paused.set(0);
        pause = ++pausesBegun;
        pauses = true;
        while (!isOver() && paused.get() != 2 * PAIRS) {
            Awake.turn();
        }
    }

    private void round(Random random, List<Pair> pairs, List<Checkpoint> open, String when) {
        spin(random);
        open.add(space.checkpoint());
        spin(random);
        while (random.nextInt(4) != 0 && open.size() < MOST_CHECKPOINTS) {
            open.add(space.checkpoint());
            spin(random);
        }
        int chosen = random.nextInt(open.size());
        Checkpoint checkpoint = open.get(chosen);
        boolean isBeside = random.nextBoolean();
        if (isBeside) {
            checkpoint.restoreRunning();
            spin(random);
        }
        stop();
        List<Contents> found = pairs.stream().map(Pair::contents).toList();
        for (int each = isBeside ? chosen : open.size() - 1; each >= chosen; each--) {
            open.get(each).restoreRunning();
            for (int i = 0; i < PAIRS && failure.get() == null; i++) {
                Contents restored = pairs.get(i).contents();
                pairs.get(i).judge(restored, when);
                if (isBeside) {
                    pairs.get(i).judgeUndone(found.get(i), restored, when);
                }
            }
        }
        // A restore has closed the younger ones.
        open.subList(chosen + 1, open.size()).clear();
        while (!open.isEmpty() && (open.size() > MOST_CHECKPOINTS / 2 || random.nextBoolean())) {
            open.remove(random.nextInt(open.size())).close();
        }
        for (Pair pair : pairs) {
            pair.refresh(random);
            pair.step();
        }
        pauses = false;
    }

    @Test
    @DisplayName("each checkpoint is of one instant, each restore returns to it, and no page is lost or kept")
    void storm() throws InterruptedException {
        System.out.println("CheckpointStormTest: -Dsamara.seed=" + SEED);
        Random random = new Random(SEED);
        List<Pair> pairs = new ArrayList<>();
        List<Checkpoint> open = new ArrayList<>();
        for (int i = 0; i < PAIRS; i++) {
            pairs.add(new Pair(i));
        }
        long before = fixture.machine.committed();
        try {
            for (Pair pair : pairs) {
                pair.start(random);
            }
            for (int i = 0; i < 2; i++) {
                Random own = new Random(random.nextLong());
                long start = CHANGED + i * STRIDE;
                start(() -> change(own, start));
            }
            for (int round = 0; round < ROUNDS && failure.get() == null; round++) {
                round(random, pairs, open, "round " + round + " of -Dsamara.seed=" + SEED);
            }
        } finally {
            ends = true;
            for (Thread thread : threads) {
                thread.join();
            }
        }
        assertEquals(null, failure.get());
        open.forEach(Checkpoint::close);
        CountedPages.check("at the end", space);
        for (int i = 0; i < 2; i++) {
            assertEquals(0, space.munmap(CHANGED + i * STRIDE, 4 * CHANGED_PAGES * PAGE));
        }
        assertEquals(before, fixture.machine.committed(), "committed memory");
        pairs.forEach(pair -> pair.file.close());
        fixture.closeEmpty();
    }
}
