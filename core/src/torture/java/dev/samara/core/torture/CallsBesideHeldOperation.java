// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.VmaRef;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Holds an operation in flight, a close, or a reference, and releases it only after making all other calls. If one of
 * these calls waited, this thread would hang, which is reported as a thread that does not stop.
 */
final class CallsBesideHeldOperation implements Actor {
    private static final long PLACE = 0x20_0000_0000L;
    private static final int HELD_PAGES = 16;
    private static final long HELD = PLACE + 16 * TortureSpace.PAGE;
    private static final long HELD_LENGTH = HELD_PAGES * TortureSpace.PAGE;
    private static final long BEHIND = HELD + HELD_LENGTH;
    private static final long FAR = PLACE + 1024 * TortureSpace.PAGE;
    private static final long TARGET = PLACE + 2048 * TortureSpace.PAGE;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    final Machine machine;
    final AddressSpace space;

    private final Checker checker;
    private final ExecutorService other = Executors.newSingleThreadExecutor(body -> {
        Thread thread = new Thread(body, "unnamed-other");
        thread.setDaemon(true);
        return thread;
    });

    private volatile @Nullable Hold hold;

    CallsBesideHeldOperation(Checker checker) {
        this.checker = checker;
        machine = MachineInternals.machine(Machine.builder().reportTo(report -> {}), this::retire);
        space = machine.newSpace(TortureSpace.GEOMETRY);
    }

    /** The latches that hold one operation. */
    private static final class Hold {
        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch released = new CountDownLatch(1);
    }

    private void retire(InFlightOperation range) {
        Hold now = hold;
        if (now != null && range.touches(HELD, BEHIND)) {
            // Holds only the first operation, because the close of a fork unmaps the same addresses.
            hold = null;
            now.entered.countDown();
            Latches.await(now.released);
        }
    }

    private long fixed(long address, long length) {
        return TortureSpace.succeed(space.mmap(address, length, WRITABLE, TortureSpace.FIXED, null, 0));
    }

    @Override
    public void step(Random random) {
        // One mapping whose middle will be in flight: the neighbours are merged with it, but must not be affected by
        // it.
        fixed(PLACE, BEHIND + 16 * TortureSpace.PAGE - PLACE);
        TortureSpace.succeed(space.munmap(TARGET, HELD_LENGTH));
        switch (random.nextInt(32)) {
            case 0 -> closeThatHangs(random);
            case 1 -> referenceThatIsHeld(random);
            default -> longOperation(random);
        }
    }

    private void longOperation(Random random) {
        int kind = random.nextInt(4);
        boolean async = random.nextBoolean() && kind != 2;
        Hold mine = new Hold();
        hold = mine;
        Future<Long> operation = async ? start(kind) : other.submit(call(kind));
        Latches.await(mine.entered);
        for (int n = 0; n < 20; n++) {
            elsewhere(random);
            within(kind);
        }
        checker.check(!operation.isDone(), "an operation was complete before it had retired");
        mine.released.countDown();
        TortureSpace.succeed(join(operation));
    }

    private Callable<Long> call(int kind) {
        return switch (kind) {
            case 0 -> () -> space.munmap(HELD, HELD_LENGTH);
            case 1 -> () -> space.mmap(HELD, HELD_LENGTH, Mman.READ, TortureSpace.FIXED, null, 0);
            case 2 -> () -> space.mprotect(HELD, HELD_LENGTH, Mman.READ);
            default -> () -> space.mremap(HELD, HELD_LENGTH, HELD_LENGTH, TortureSpace.MOVE_TO, TARGET);
        };
    }

    private Future<Long> start(int kind) {
        return switch (kind) {
            case 0 -> space.munmapAsync(HELD, HELD_LENGTH);
            case 1 -> space.mmapAsync(HELD, HELD_LENGTH, Mman.READ, TortureSpace.FIXED, null, 0);
            default -> space.mremapAsync(HELD, HELD_LENGTH, HELD_LENGTH, TortureSpace.MOVE_TO, TARGET);
        };
    }

    private static long join(Future<Long> future) {
        try {
            return future.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Makes lookups in the range in flight, which do not wait either, except for accesses at a gate. */
    private void within(int kind) {
        long page = HELD + HELD_LENGTH / 2;
        boolean isGone = kind == 0 || kind == 3;
        Vma found = space.find(page);
        checker.check((found == null) == isGone, "found in flight: " + found);
        if (found != null) {
            checker.check(!found.has(VmaFlags.WRITE), "an old right: " + found);
            try (VmaRef reference = space.acquire(page)) {
                checker.check(reference != null, "no reference in flight");
            }
        }
        if (kind != 1) {
            int expected = isGone ? Fault.MAPERR : Fault.ACCERR;
            int events = space.resolve(page, Mman.WRITE);
            checker.check(events == expected, "accessed in flight: " + events);
        }
    }

    /** Makes calls that name other ranges. */
    private void elsewhere(Random random) {
        long length = (1 + random.nextInt(8)) * TortureSpace.PAGE;
        switch (random.nextInt(8)) {
            case 0 -> {
                long start = TortureSpace.succeed(space.mmap(0, length, WRITABLE, TortureSpace.ANYWHERE, null, 0));
                boolean apart = start + length <= PLACE || start >= PLACE + 4096 * TortureSpace.PAGE;
                checker.check(apart, "placed where nothing was free");
                TortureSpace.succeed(space.munmap(start, length));
            }
            case 1 -> {
                // Right up to the edges of the range in flight.
                TortureSpace.succeed(space.mprotect(HELD - length, length, Mman.READ));
                TortureSpace.succeed(space.mprotect(BEHIND, length, Mman.READ));
                TortureSpace.succeed(space.mprotect(HELD - length, length, WRITABLE));
                TortureSpace.succeed(space.mprotect(BEHIND, length, WRITABLE));
            }
            case 2 -> {
                TortureSpace.succeed(space.munmap(HELD - length, length));
                fixed(HELD - length, length);
                TortureSpace.succeed(space.munmapAsync(BEHIND, length).join());
                fixed(BEHIND, length);
            }
            case 3 -> {
                fixed(FAR, length);
                fixed(FAR, length);
                TortureSpace.succeed(
                        space.mremap(FAR, length, length, TortureSpace.MOVE_TO, FAR + 64 * TortureSpace.PAGE));
                TortureSpace.succeed(space.munmap(FAR, 128 * TortureSpace.PAGE));
            }
            case 4 -> {
                AddressSpace child = space.fork();
                TortureSpace.succeed(child.munmap(HELD, HELD_LENGTH));
                child.close();
            }
            case 5 -> {
                space.addListener(change -> {}).close();
                space.validate();
                checker.check(space.usage().maps() > 0, "nothing mapped");
            }
            case 6 -> {
                checker.check(space.resolve(HELD - 1, Mman.READ) == Fault.NONE, "below it");
                checker.check(space.resolve(BEHIND, Mman.READ) == Fault.NONE, "above it");
            }
            default -> {
                try (VmaRef reference = space.acquire(HELD - 1)) {
                    checker.check(reference != null && reference.vma().contains(HELD - 1), "below it");
                }
                checker.check(space.snapshot().find(BEHIND) != null, "above it");
            }
        }
    }

    private void map(Backing backing, long address) {
        int flags = Mman.PRIVATE | Mman.FIXED;
        TortureSpace.succeed(space.mmap(address, HELD_LENGTH, WRITABLE, flags, backing, 0));
    }

    /** A close that does not return delays no other close, and no operation. */
    private void closeThatHangs(Random random) {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch released = new CountDownLatch(1);
        map(
                new BackingWithClose(() -> {
                    entered.countDown();
                    Latches.await(released);
                }),
                HELD);
        TortureSpace.succeed(space.munmap(HELD, HELD_LENGTH));
        Latches.await(entered);
        CountDownLatch closed = new CountDownLatch(1);
        map(new BackingWithClose(closed::countDown), HELD);
        TortureSpace.succeed(space.munmap(HELD, HELD_LENGTH));
        Latches.await(closed);
        for (int n = 0; n < 20; n++) {
            elsewhere(random);
        }
        checker.check(released.getCount() == 1, "a close that hangs is over");
        released.countDown();
    }

    /** A reference delays nothing, not even the munmap of its VMA; only the close waits for its release. */
    private void referenceThatIsHeld(Random random) {
        CountDownLatch closed = new CountDownLatch(1);
        map(new BackingWithClose(closed::countDown), HELD);
        VmaRef reference = space.acquire(HELD);
        if (reference == null) {
            checker.violated("no reference to a mapped page");
            return;
        }
        TortureSpace.succeed(space.munmap(HELD, HELD_LENGTH));
        fixed(HELD, HELD_LENGTH);
        for (int n = 0; n < 20; n++) {
            elsewhere(random);
        }
        checker.check(closed.getCount() == 1, "closed while it was referenced");
        reference.close();
        Latches.await(closed);
    }

    /** A backing that runs an action when it is closed. */
    private static final class BackingWithClose extends NamedBacking {
        private final Runnable then;

        BackingWithClose(Runnable then) {
            super("/closing", 2);
            this.then = then;
        }

        @Override
        public void close(Vma vma) {
            then.run();
        }
    }
}
