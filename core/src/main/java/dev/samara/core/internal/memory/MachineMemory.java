// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageCaches;
import dev.samara.core.internal.page.PageTableContexts;
import dev.samara.core.internal.sync.Pause;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** The memory of one machine: its frames, its grace periods, its CPUs and the owners of busy entries. Thread-safe. */
public final class MachineMemory {
    /** The value of {@link #longestOffer} if offers of pages are not timed. */
    public static final long UNCHECKED = -1;

    /**
     * The maximum number of calls of {@link #reclaim} for one page. A fault may need two frames, and the reclaim for
     * one may evict the other.
     */
    public static final int MOST_RECLAIMS = 16;

    /** The pause after a reclaim that found files being changed by other threads, which may free pages. */
    private static final long PAUSE_NANOS = 20_000;

    public final Frames frames;
    public final Rcu rcu;
    public final Cpus cpus;
    public final Shootdowns shootdowns;
    /** The maximum number of pages of a file that one fault maps, a power of two. */
    public final int faultAround;
    /** The longest time for an offer of pages in nanoseconds, or {@link #UNCHECKED}. */
    public final long longestOffer;
    /** The access checker; null if the machine is not checked. */
    public final @Nullable AccessChecker accessChecker;

    /**
     * Written: a thread that creates a page cache (get-and-add); a test (volatile).
     * Read: a thread that creates a page cache (get-and-add).
     * Invariant: the last number of a page cache. It has 64 bits, so no number is used twice.
     */
    private final AtomicLong cacheNumbers = new AtomicLong(Frames.ANONYMOUS);

    public final PageCaches caches = new PageCaches();
    /** The pins of page views of this memory. */
    public final ViewPins views;
    /** The budget of the page indexes of this machine. */
    public final IndexBudget indexBudget;
    /** The page table contexts of this machine. */
    public final PageTableContexts contexts;

    /** Whether reads must not map the zero page. Set before other threads know this memory. */
    private boolean forbidsZeroPage;

    /**
     * Creates the memory of a machine.
     *
     * @param faultAround the maximum number of pages of a file that one fault maps, a power of two
     * @param longestOffer the time in nanoseconds after which an offer of pages counts as blocked, or {@link
     *     #UNCHECKED}
     * @param accessChecker the access checker, or null for a machine that is not checked
     * @param indexBudget the budget of the machine's page indexes
     */
    public MachineMemory(
            Frames frames,
            Rcu rcu,
            Shootdowns shootdowns,
            int faultAround,
            long longestOffer,
            @Nullable AccessChecker accessChecker,
            IndexBudget indexBudget) {
        this.accessChecker = accessChecker;
        this.indexBudget = indexBudget;
        this.frames = frames;
        views = new ViewPins(frames);
        this.rcu = rcu;
        this.shootdowns = shootdowns;
        cpus = shootdowns.cpus;
        this.faultAround = faultAround;
        this.longestOffer = longestOffer;
        contexts = new PageTableContexts(frames, rcu);
    }

    /** Makes reads of untouched anonymous memory allocate pages. Called before other threads know this memory. */
    public void forbidZeroPage() {
        forbidsZeroPage = true;
    }

    /** Returns whether a read of untouched anonymous memory allocates a page ({@code mm_forbids_zeropage}). */
    public boolean forbidsZeroPage() {
        return forbidsZeroPage;
    }

    /**
     * Tries to free frames, because no frame is left: frames of unreachable page views and page caches, and of page
     * caches that can read a page again. May wait for CPUs and for a grace period. Frees only views if the calling
     * thread must not wait, because one of its CPUs is in GUEST or one of its readers is in a section.
     *
     * <p>Afterwards the caller retries its allocation, whatever the result, because another thread may have freed
     * frames before this call. A caller calls this at most {@value #MOST_RECLAIMS} times ({@code MAX_RECLAIM_RETRIES}).
     *
     * <p>The caller holds no lock of a leaf, no content lock of a cache, and no lock of a layout.
     *
     * @return false if a further call would free nothing
     */
    public boolean reclaim() {
        if (views.releaseUnreachable() > 0) {
            return true;
        }
        if (!ThreadCpus.mayWait()) {
            return false;
        }
        BegunEvent recorded = Tracepoints.begin(Tracepoints.RECLAIM);
        int freed = caches.reclaim();
        Tracepoints.endReclaim(recorded, "pages of files", Math.max(freed, 0), freed == PageCaches.BUSY);
        if (freed == PageCaches.BUSY) {
            Pause.parkNanos(this, PAUSE_NANOS);
        }
        return freed != 0;
    }

    /**
     * Returns a number for a page cache, above {@link Frames#ANONYMOUS}. No other cache of this machine has the same
     * number, because 64 bits do not run out.
     */
    public long nextCache() {
        return cacheNumbers.incrementAndGet();
    }

    /** Makes the numbers of caches continue after a given one; for tests. */
    void numberCachesFrom(long last) {
        cacheNumbers.set(last);
    }

    /**
     * The bytes of the nodes of all page indexes of one machine, and their limit (on Linux the nodes of an {@code
     * xarray} are charged to the memory cgroup). Thread-safe.
     *
     * <p>Nodes are charged when they are linked, even beyond the limit, so an insertion never fails because of the
     * limit. Beyond the limit no frame is allocated for a page that needs a further node, so the limit is exceeded by
     * at most the nodes of pages whose frames were allocated before.
     */
    public static final class IndexBudget {
        private final long limit;

        /**
         * Written: holder of a file's {@code content} lock that links or unlinks nodes of its index (get-and-add).
         * Read: any thread (volatile).
         * Invariant: the bytes of the nodes of all indexes with several nodes. A thread that reads less than the limit
         *     may afterwards link the nodes of a page.
         */
        private final AtomicLong used = new AtomicLong();

        /**
         * Creates an unused budget.
         *
         * @param limit the limit in bytes, not negative
         */
        public IndexBudget(long limit) {
            this.limit = limit;
        }

        /**
         * Charges bytes. Cannot fail.
         *
         * @param bytes the bytes; negative for nodes that are unlinked
         */
        public void charge(long bytes) {
            used.addAndGet(bytes);
        }

        /** Returns whether no frame may be allocated for a page that needs a further node. */
        public boolean isExceeded() {
            return used.get() > limit;
        }

        /** Returns the charged bytes. */
        public long used() {
            return used.get();
        }

        @Override
        public String toString() {
            return used + " of " + limit + " bytes of page indexes";
        }
    }
}
