// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.fixture.Latches;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A file whose backing fails in every way that its contract names. The backing throws, rejects requests, and returns or
 * offers frames that are foreign, freed, of other pages or of no page. It blocks until a partner thread, which first
 * works on the same mapping, releases it. A fault must map the page that it requested, or nothing.
 */
final class UnreliableFile extends CachedBacking {
    /** The number of mapped pages; the file contains one more page on each side. */
    private static final int PAGES = 8;

    private static final int FILE_PAGES = PAGES + 2;
    private static final int WRITABLE = Mman.READ | Mman.WRITE;
    private static final int WRITTEN = 1 << 30;

    private final TortureMachine setup;
    private final int owner;
    private final PageCache pages;
    private final boolean noticesWrites;
    private final BlockingQueue<CountDownLatch> blocked = new LinkedBlockingQueue<>();

    /**
     * Creates an open of a new file.
     *
     * @param noticesWrites whether the backing is notified of first writes, of which it refuses some
     */
    UnreliableFile(TortureMachine setup, int owner, boolean noticesWrites) {
        this(
                setup,
                owner,
                noticesWrites,
                setup.machine.newPageCache(TortureSpace.GEOMETRY, FILE_PAGES * TortureSpace.PAGE));
    }

    private UnreliableFile(TortureMachine setup, int owner, boolean noticesWrites, PageCache pages) {
        super("/unreliable", pages);
        this.setup = setup;
        this.owner = owner;
        this.pages = pages;
        this.noticesWrites = noticesWrites;
    }

    private int anyFrame() {
        return ThreadLocalRandom.current().nextInt(-2, 300);
    }

    @Override
    public int fault(Backing.PageRequest request) {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        switch (random.nextInt(16)) {
            case 0 -> throw new RandomFailures.Planned();
            case 1 -> {
                return anyFrame();
            }
            case 2 -> {
                return pages.frameAt((request.page() + 1) % FILE_PAGES);
            }
            case 3 -> {
                int freed = pages.allocate();
                if (freed >= 0) {
                    pages.free(freed);
                }
                return freed;
            }
            case 4 -> {
                return random.nextBoolean() ? -Fault.OUT_OF_MEMORY : -Fault.RETRY;
            }
            case 5, 6, 7 -> {
                CountDownLatch latch = new CountDownLatch(1);
                blocked.add(latch);
                Latches.await(latch);
            }
            default -> {}
        }
        fill(random.nextBoolean() ? 0 : FILE_PAGES - 1);
        return super.fault(request);
    }

    /** Inserts an unmapped page into the page cache. */
    private void fill(int page) {
        if (pages.frameAt(page) < 0) {
            int frame = pages.allocate();
            if (frame >= 0) {
                stamp(page, frame, pages.store());
                pages.insert(page, frame);
            }
        }
    }

    private void stamp(long page, int frame, FrameStore store) {
        for (int part : TortureMachine.PARTS) {
            store.put(frame, part, Long.BYTES, TortureMachine.stamp(owner, (int) page, 1));
        }
    }

    @Override
    protected boolean read(long page, int frame, FrameStore store) {
        setup.failures.linger();
        stamp(page, frame, store);
        if (ThreadLocalRandom.current().nextInt(8) == 0) {
            throw new RandomFailures.Planned();
        }
        return ThreadLocalRandom.current().nextInt(8) != 0;
    }

    @Override
    public void rcuMapPages(Backing.PageWindow window) {
        ThreadLocalRandom random = ThreadLocalRandom.current();
        for (int n = 0; n < window.count(); n++) {
            switch (random.nextInt(12)) {
                case 0 -> window.offer(n, anyFrame());
                case 1 -> window.offer(n, pages.frameAt((window.first() + n + 1) % FILE_PAGES));
                case 2 -> window.offer(window.count() + n, pages.frameAt(window.first()));
                case 3 -> throw new RandomFailures.Planned();
                case 4 -> {}
                default -> window.offer(n, pages.frameAt(window.first() + n));
            }
        }
    }

    @Override
    public boolean noticesWrites() {
        return noticesWrites;
    }

    @Override
    public int pageMkwrite(Backing.PageRequest request) {
        setup.failures.linger();
        return switch (ThreadLocalRandom.current().nextInt(8)) {
            case 0 -> throw new RandomFailures.Planned();
            case 1 -> -Fault.ADRERR;
            default -> 0;
        };
    }

    /** Maps the file, and reads and writes the mapping. */
    final class Mapper implements Actor {
        private final TortureMachine.View view = setup.view();
        private final Checker contents;
        private final Checker rights;
        private final Checker unhindered;
        private final boolean shared;
        private final long at;
        private final long[] written = new long[PAGES];
        private long sequence;

        Mapper(boolean shared, Checker contents, Checker rights, Checker unhindered) {
            this.shared = shared;
            this.contents = contents;
            this.rights = rights;
            this.unhindered = unhindered;
            at = setup.area(PAGES)[0];
            map(0, PAGES);
        }

        private void map(int first, int behind) {
            int flags = Mman.FIXED | (shared ? Mman.SHARED : Mman.PRIVATE);
            long start = at + first * TortureSpace.PAGE;
            long length = (behind - first) * TortureSpace.PAGE;
            TortureSpace.succeed(setup.space.mmap(
                    start, length, WRITABLE, flags, UnreliableFile.this, (first + 1) * TortureSpace.PAGE));
            for (int page = first; page < behind; page++) {
                written[page] = 0;
            }
        }

        @Override
        public void step(Random random) {
            int first = random.nextInt(PAGES);
            int behind = first + 1 + random.nextInt(PAGES - first);
            long start = at + first * TortureSpace.PAGE;
            switch (random.nextInt(12)) {
                case 0 -> map(first, behind);
                case 1 -> {
                    TortureSpace.succeed(
                            setup.space.madvise(start, (behind - first) * TortureSpace.PAGE, Mman.DONTNEED));
                    for (int page = first; page < behind && !shared; page++) {
                        written[page] = 0;
                    }
                }
                case 2, 3 -> pages.remove(first, behind + 1 - first);
                case 4, 5 -> write(first);
                default -> read(first);
            }
        }

        private void write(int page) {
            long address = at + page * TortureSpace.PAGE;
            long mark = shared ? 0 : TortureMachine.stamp(owner, page, WRITTEN | ++sequence);
            for (int part : TortureMachine.PARTS) {
                int result = shared ? view.add(address + part, 0) : view.store(address + part, mark);
                expected(result);
                if (result != Fault.NONE) {
                    if (!shared) {
                        map(page, page + 1);
                    }
                    return;
                }
            }
            written[page] = mark;
        }

        private void expected(int result) {
            boolean known = result == Fault.NONE
                    || result == Fault.OUT_OF_MEMORY
                    || result == Fault.ADRERR
                    || result == Fault.RETRY;
            contents.check(known, "an unreliable page gave " + Fault.toString(result));
            setup.events.count(result == Fault.NONE ? "unreliable pages mapped" : "unreliable pages refused");
        }

        private void read(int page) {
            beyond(at - TortureSpace.PAGE);
            beyond(at + PAGES * TortureSpace.PAGE);
            for (int part : TortureMachine.PARTS) {
                int result = view.load(at + page * TortureSpace.PAGE + part);
                expected(result);
                if (result == Fault.NONE) {
                    long wanted = written[page] != 0 ? written[page] : TortureMachine.stamp(owner, page + 1, 1);
                    boolean holds = view.value() == wanted;
                    contents.check(
                            holds,
                            holds
                                    ? ""
                                    : "unreliable page " + page + " has " + TortureMachine.say(view.value()) + ", not "
                                            + TortureMachine.say(wanted));
                }
            }
        }

        /** Checks that a neighbouring page of the file is not mapped. */
        private void beyond(long address) {
            int result = view.load(address);
            rights.check(result == Fault.MAPERR, "beside a mapping: " + Fault.toString(result));
        }

        /**
         * Works on the mapping and the file while a fault is blocked, and then releases the fault. None of this work
         * may wait for the fault.
         */
        boolean letGoOn(Random random) throws InterruptedException {
            CountDownLatch latch = blocked.poll(1, TimeUnit.MILLISECONDS);
            if (latch == null) {
                return false;
            }
            int page = random.nextInt(PAGES);
            long start = at + page * TortureSpace.PAGE;
            switch (random.nextInt(5)) {
                case 0 -> {
                    setup.space.madvise(start, TortureSpace.PAGE, Mman.DONTDUMP);
                    setup.space.madvise(start, TortureSpace.PAGE, Mman.DODUMP);
                }
                case 1 -> TortureSpace.succeed(setup.space.mprotect(start, TortureSpace.PAGE, WRITABLE));
                case 2 -> pages.remove(page + 1, 1);
                case 3 -> fork();
                default -> setup.failures.linger();
            }
            unhindered.check(latch.getCount() == 1, "a fault that is blocked was released by another thread");
            setup.events.count("faults blocked in their backing");
            latch.countDown();
            return true;
        }

        private void fork() {
            try {
                setup.space.fork().close();
            } catch (MmException refused) {
                unhindered.check(refused.errno() == Errno.ENOMEM, refused.toString());
            }
        }
    }

    /** Returns the thread that releases blocked faults, until the run is over and no fault is blocked. */
    static Thread partner(List<Mapper> mappers, long seed, Checker calls, BooleanSupplier isOver) {
        Thread thread = new Thread(
                () -> {
                    Random random = new Random(seed);
                    try {
                        boolean worked = true;
                        while (worked || !isOver.getAsBoolean()) {
                            worked = false;
                            for (Mapper mapper : mappers) {
                                worked |= mapper.letGoOn(random);
                            }
                        }
                    } catch (InterruptedException | RuntimeException | AssertionError thrown) {
                        calls.violated("partner: " + thrown + " at " + List.of(thrown.getStackTrace()));
                    }
                },
                "partner");
        thread.setDaemon(true);
        return thread;
    }

    /** Frees the pages of the file. */
    void end() {
        pages.truncate(0);
    }
}
