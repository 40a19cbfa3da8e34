// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import static dev.samara.core.mman.Mman.NONE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.VmaRef;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A file that requests write notices. Threads add to its pages. Another thread repeatedly makes the pages read-only and
 * clean, like a file system that writes pages back. For each page that changed since it was made clean, a notice must
 * have started since then.
 */
final class WriteNoticeScenario implements Group {
    private static final int PAGES = 4;
    private static final long BYTES = PAGES * PageModel.PAGE;
    private static final long BASE = 0x60_0000_0000L;
    private static final int PAUSE_NANOS = 500_000;

    private final AddressSpace space;
    private final Scene scene;
    private final PageCache cache;

    /**
     * The number of notices that have started, by page.
     *
     * <p>Written: the callback of a first write (get-and-add).
     * Read: the thread that writes back (volatile).
     * Invariant: the number of notices that have started, by page.
     */
    private final AtomicIntegerArray notices = new AtomicIntegerArray(PAGES);

    /**
     * Written: callbacks (get-and-add).
     * Read: any thread (volatile).
     * Invariant: the number of opens that were not closed.
     */
    private final AtomicLong opens = new AtomicLong();

    WriteNoticeScenario(Scene scene) {
        this.scene = scene;
        space = scene.machine().newSpace(Geometry.LINUX_X86_64);
        space.addNotifier((start, end, reason) -> scene.pauses().maybe());
        cache = scene.machine().newPageCache(Geometry.LINUX_X86_64, BYTES);
        File file = new File();
        done(space.mmap(BASE, BYTES, READ | WRITE, Mman.SHARED | Mman.FIXED, file, 0));
    }

    private static void done(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("a call beside write notices fails with " + Errno.of(result));
        }
    }

    @Override
    public long opens() {
        return opens.get();
    }

    /** A file of zeros that counts notices and opens, and handles both slowly. */
    private final class File extends CachedBacking implements VmOperations {
        File() {
            super("/noticing", cache);
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            scene.pauses().maybe();
            return true;
        }

        @Override
        public boolean noticesWrites() {
            return true;
        }

        @Override
        public int pageMkwrite(Backing.PageRequest request) {
            notices.incrementAndGet((int) request.page());
            scene.pauses().maybe();
            return 0;
        }

        @Override
        public VmOperations operations() {
            return this;
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            opens.incrementAndGet();
            scene.pauses().maybe();
            return null;
        }

        @Override
        public void close(Vma vma) {
            scene.pauses().maybe();
            opens.decrementAndGet();
        }
    }

    /** Performs atomic additions in pages, both in GUEST and outside GUEST. */
    void adds(Random random) {
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                boolean inGuest = random.nextBoolean();
                if (inGuest) {
                    cpu.enterGuest();
                }
                try {
                    for (int n = random.nextInt(8); n >= 0; n--) {
                        add(cpu, random.nextInt(PAGES));
                        if (inGuest) {
                            cpu.poll();
                        }
                    }
                } finally {
                    if (inGuest) {
                        cpu.leaveGuest();
                    }
                }
                LockSupport.parkNanos(this, random.nextInt(PAUSE_NANOS));
            }
            cpu.switchTo(null);
        }
    }

    private static void add(Cpu cpu, int page) {
        int result = cpu.memory().getAndAdd(BASE + page * PageModel.PAGE, Long.BYTES, 1);
        if (result != Fault.NONE && result != Fault.ACCERR) {
            throw new IllegalStateException("an addition to a file gives " + Fault.toString(result));
        }
    }

    private static long sum(Cpu cpu, int page) {
        GuestMemory memory = cpu.memory();
        int result = memory.load(BASE + page * PageModel.PAGE, Long.BYTES);
        if (result != Fault.NONE) {
            throw new IllegalStateException("a load of a file gives " + Fault.toString(result));
        }
        return memory.value();
    }

    /** Makes pages read-only and clean, and compares their counts with the notices. */
    void writesBack(Random random) {
        long[] sums = new long[PAGES];
        int[] told = new int[PAGES];
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            while (scene.course().goesOn()) {
                done(space.mprotect(BASE, BYTES, READ));
                for (int page = 0; page < PAGES; page++) {
                    long sum = sum(cpu, page);
                    int now = notices.get(page);
                    if (sum == sums[page] || now != told[page]) {
                        scene.rules().noticed.held();
                    } else {
                        scene.rules()
                                .noticed
                                .broken("page " + page + " counts " + sum + " after " + sums[page]
                                        + ", and there was no notice since it was clean, the " + now
                                        + "th being the last");
                    }
                }
                if (random.nextInt(4) == 0) {
                    done(space.madvise(BASE, BYTES, Mman.DONTNEED));
                }
                done(space.collectDirty(BASE, BYTES, page -> {}));
                for (int page = 0; page < PAGES; page++) {
                    sums[page] = sum(cpu, page);
                    told[page] = notices.get(page);
                }
                if (random.nextBoolean()) {
                    // The next addition finds entries without any rights, so it must restore more than the write right.
                    done(space.mprotect(BASE, BYTES, NONE));
                }
                try (VmaRef reference = space.acquire(BASE)) {
                    done(space.mprotect(BASE, BYTES, READ | WRITE));
                    LockSupport.parkNanos(reference, random.nextInt(PAUSE_NANOS));
                }
            }
            cpu.switchTo(null);
        }
    }

    /** Makes each page mapped and resident. */
    @Override
    public void rest() {
        done(space.mprotect(BASE, BYTES, READ | WRITE));
        try (Cpu cpu = scene.machine().claimCpu()) {
            cpu.switchTo(space);
            for (int page = 0; page < PAGES; page++) {
                sum(cpu, page);
            }
            cpu.switchTo(null);
        }
    }

    @Override
    public void end() {
        cache.truncate(0);
    }

    @Override
    public void join(Crew crew) {
        crew.add("adder-1", this::adds);
        crew.add("adder-2", this::adds);
        crew.add("write-back", this::writesBack);
    }

    @Override
    public List<AddressSpace> spaces() {
        return List.of(space);
    }

    @Override
    public List<Invariant> rules() {
        return List.of(scene.rules().noticed);
    }
}
