// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * I5: holds an operation in flight, or a fault in its backing, and releases it only after making all accesses and calls
 * that do not name its range, in the same VMAs and leaf tables. An access that waited for the held operation would
 * hang, which is reported as a thread that does not stop.
 */
final class AccessesBesideHeldOperation implements Actor {
    private static final long PLACE = 0x50_0000_0000L;
    private static final int SIDE = 8;
    private static final int HELD_PAGES = 4;
    private static final long HELD = PLACE + SIDE * TortureSpace.PAGE;
    private static final long BEHIND = HELD + HELD_PAGES * TortureSpace.PAGE;
    private static final long LENGTH = (2 * SIDE + HELD_PAGES) * TortureSpace.PAGE;
    private static final long TARGET = PLACE + 64 * TortureSpace.PAGE;
    private static final long FILE = PLACE + 128 * TortureSpace.PAGE;
    private static final int FILE_PAGES = 4;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    private final TortureMachine setup;
    private final AddressSpace space;
    private final TortureMachine.View view;
    private final Checker checker;
    private final PageCache cache;
    private final Slow slow;
    private final ExecutorService other = Executors.newSingleThreadExecutor(body -> {
        Thread thread = new Thread(body, "unhindered-other");
        thread.setDaemon(true);
        return thread;
    });

    AccessesBesideHeldOperation(TortureMachine setup, Checker checker) {
        this.setup = setup;
        this.checker = checker;
        space = setup.machine.newSpace(TortureSpace.GEOMETRY);
        view = setup.new View(space);
        cache = setup.machine.newPageCache(TortureSpace.GEOMETRY, FILE_PAGES * TortureSpace.PAGE);
        slow = new Slow(cache);
    }

    /** A file that can block the read of one page. */
    private static final class Slow extends CachedBacking {
        /** The latches of the next reader. */
        private final AtomicReference<@Nullable Stop> next = new AtomicReference<>();

        Slow(PageCache cache) {
            super("/slow", cache);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            Stop stop = page == 0 ? next.getAndSet(null) : null;
            if (stop != null) {
                stop.reached.countDown();
                Latches.await(stop.released);
            }
            return true;
        }
    }

    /** Blocks a fault. */
    private static final class Stop {
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);
    }

    private void fixed(long address, long length) {
        TortureSpace.succeed(space.mmap(address, length, WRITABLE, TortureSpace.FIXED, null, 0));
    }

    private boolean isServed(int result) {
        return result == Fault.NONE || result == Fault.OUT_OF_MEMORY;
    }

    private void touch(long start, long end) {
        for (long at = start; at < end; at += TortureSpace.PAGE) {
            served(view.store(at, at));
        }
    }

    private void served(int result) {
        checker.check(isServed(result), "a fault elsewhere gave " + Fault.toString(result));
    }

    @Override
    public void step(Random random) {
        fixed(PLACE, LENGTH);
        touch(PLACE, PLACE + LENGTH);
        TortureSpace.succeed(space.munmap(TARGET, HELD_PAGES * TortureSpace.PAGE));
        if (random.nextBoolean()) {
            beside(random);
        } else {
            besideAFault(random);
        }
        TortureSpace.succeed(space.munmap(PLACE, LENGTH));
    }

    private void beside(Random random) {
        int kind = random.nextInt(4);
        OperationHold.Hold hold = new OperationHold.Hold();
        Callable<Long> body = operation(kind);
        Future<Long> operation = other.submit(() -> {
            setup.held.next(hold);
            return body.call();
        });
        Latches.await(hold.reached);
        for (int n = 0; n < 8; n++) {
            elsewhere(random);
            within(kind);
        }
        checker.check(!operation.isDone(), "an operation was complete before it had retired");
        setup.events.count("operations held in flight");
        hold.released.countDown();
        TortureSpace.succeed(join(operation));
    }

    private Callable<Long> operation(int kind) {
        long length = BEHIND - HELD;
        return switch (kind) {
            case 0 -> () -> space.munmap(HELD, length);
            case 1 -> () -> space.mmap(HELD, length, Mman.READ, TortureSpace.FIXED, null, 0);
            case 2 -> () -> space.mprotect(HELD, length, Mman.READ);
            default -> () -> space.mremap(HELD, length, length, TortureSpace.MOVE_TO, TARGET);
        };
    }

    /** Makes faults in the held range that meet no gate. */
    private void within(int kind) {
        long address = HELD + TortureSpace.PAGE;
        switch (kind) {
            case 0, 3 -> {
                // The page may still be there until it is retired.
                int result = view.load(address);
                checker.check(
                        isServed(result) || result == Fault.MAPERR, "accessed in flight: " + Fault.toString(result));
            }
            case 2 -> served(view.load(address));
            default -> {}
        }
    }

    /**
     * Makes accesses and calls that name other ranges, right up to the edges of the held range, in the same VMA and
     * leaf.
     */
    private void elsewhere(Random random) {
        boolean below = random.nextBoolean();
        int pages = 1 + random.nextInt(SIDE - 1);
        long start = below ? HELD - pages * TortureSpace.PAGE : BEHIND;
        long length = pages * TortureSpace.PAGE;
        switch (random.nextInt(8)) {
            case 0 -> touch(start, start + length);
            case 1 -> {
                succeed(space.madvise(start, length, Mman.DONTNEED));
                touch(start, start + length);
            }
            case 2 -> {
                succeed(space.mprotect(start, length, Mman.READ));
                int result = view.store(start, 1);
                checker.check(result == Fault.ACCERR, "a write beside it gave " + Fault.toString(result));
                succeed(space.mprotect(start, length, WRITABLE));
                touch(start, start + length);
            }
            case 3 -> {
                succeed(space.munmap(start, length));
                checker.check(view.load(start) == Fault.MAPERR, "unmapped beside it");
                fixed(start, length);
            }
            case 4 -> {
                fixed(start, length);
                touch(start, start + length);
            }
            case 5 -> {
                PinnedFrame pinned = view.pin(start, Mman.READ);
                served(view.fault());
                if (pinned != null) {
                    pinned.close();
                }
            }
            case 6 -> {
                long away = TARGET + 32 * TortureSpace.PAGE;
                succeed(space.mremap(start, TortureSpace.PAGE, TortureSpace.PAGE, TortureSpace.MOVE_TO, away));
                succeed(space.munmap(away, TortureSpace.PAGE));
                fixed(start, TortureSpace.PAGE);
            }
            default -> {
                byte[] vector = new byte[SIDE];
                succeed(space.mincore(start, length, vector));
                succeed(space.madvise(start, length, Mman.FREE));
                succeed(space.madvise(start, length, Mman.DONTDUMP));
                succeed(space.madvise(start, length, Mman.DODUMP));
            }
        }
    }

    private void succeed(long result) {
        checker.check(!Errno.isError(result), "refused beside it");
    }

    /** Makes all calls, even those that name the page, because no operation waits for a fault. */
    private void besideAFault(Random random) {
        int flags = Mman.FIXED | (random.nextBoolean() ? Mman.SHARED : Mman.PRIVATE);
        cache.remove(0, FILE_PAGES);
        TortureSpace.succeed(space.mmap(FILE, FILE_PAGES * TortureSpace.PAGE, WRITABLE, flags, slow, 0));
        Stop stop = new Stop();
        slow.next.set(stop);
        boolean writes = random.nextBoolean();
        Future<Integer> fault = other.submit(() -> {
            try (Cpu cpu = setup.machine.claimCpu()) {
                cpu.switchTo(space);
                return cpu.memory().handleFault(FILE, writes ? Mman.WRITE : Mman.READ);
            }
        });
        Await.until("the fault stops, or is done", () -> stop.reached.getCount() == 0 || fault.isDone());
        if (!fault.isDone()) {
            served(view.load(FILE + TortureSpace.PAGE));
            for (int n = 0; n < 4; n++) {
                elsewhere(random);
                around(random);
            }
            checker.check(!fault.isDone(), "a fault was over before its backing");
            setup.events.count("faults held in their backing");
        }
        slow.next.set(null);
        stop.released.countDown();
        int result = join(fault);
        boolean known = isServed(result) || result == Fault.MAPERR || result == Fault.ACCERR || result == Fault.ADRERR;
        checker.check(known, "a fault that was held gave " + Fault.toString(result));
        TortureSpace.succeed(space.munmap(FILE, FILE_PAGES * TortureSpace.PAGE));
    }

    private void around(Random random) {
        switch (random.nextInt(6)) {
            // Refused if the page was unmapped.
            case 0 -> space.mprotect(FILE, TortureSpace.PAGE, Mman.READ);
            case 1 -> space.mprotect(FILE, TortureSpace.PAGE, WRITABLE);
            case 2 -> succeed(space.munmap(FILE, TortureSpace.PAGE));
            case 3 -> succeed(space.mmap(FILE, TortureSpace.PAGE, WRITABLE, TortureSpace.FIXED, null, 0));
            case 4 -> {
                cache.remove(0, FILE_PAGES);
                AddressSpace child = space.fork();
                child.close();
            }
            default -> space.madvise(FILE, 2 * TortureSpace.PAGE, Mman.DONTNEED);
        }
    }

    private static <T> T join(Future<T> future) {
        try {
            return future.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Closes everything, after the actor's thread stopped. */
    void finish() throws InterruptedException {
        other.shutdown();
        other.awaitTermination(1, TimeUnit.MINUTES);
        space.close();
        cache.truncate(0);
    }
}
