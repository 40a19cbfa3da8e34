// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.page.Caches;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Magazine;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.PteOwners;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.RcuReader;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one machine: its frames, its grace periods, and who is at which entry. Thread-safe.
 */
public final class Memory {
    /** Offers of pages are not watched. */
    public static final long UNCHECKED = -1;

    /** How many workers an entry can name. */
    public static final int MOST_WORKERS = PteOwners.MOST;

    private final Frames frames;
    private final Rcu rcu;
    private final Cpus cpus;
    private final int faultAround;
    private final long longestOffer;
    private final @Nullable AccessChecker oracle;
    private final PteOwners owners;
    private final AtomicLong cacheNumbers = new AtomicLong(Frames.ANONYMOUS);
    private final Caches caches = new Caches();
    private final AtomicInteger workers = new AtomicInteger();
    private final Map<PageTableContext, Thread> owned = new ConcurrentHashMap<>();

    /** Idle workers, the one given back last on top, so that those which nobody needs are at the bottom. */
    private final AtomicReference<@Nullable Idle> idle = new AtomicReference<>();

    /** Workers given back while there was no memory for a place among the idle ones, linked by themselves. */
    private final AtomicReference<@Nullable PageTableContext> aside = new AtomicReference<>();

    /** So many idle workers are never given up. */
    private static final int SPARE = 8;

    /** After so many workers given back, those are given up that were idle all the time. */
    private static final int PERIOD = 256;

    /** So many at most are given up at once. */
    private static final int MOST_GIVEN_UP = 1 << 10;

    /* Racy, benign because they only decide when, and how many, idle workers are given up. */
    private int givenBack;
    private int fewestIdle = Integer.MAX_VALUE;

    /** An idle worker, how many there are with it, and those below it. */
    private record Idle(
            PageTableContext worker, int depth, @Nullable Idle below) {}

    /**
     * Puts a machine's memory together.
     *
     * @param frames its frames
     * @param rcu its grace periods
     * @param cpus its CPUs
     * @param faultAround how many pages of a file one fault maps at most, a power of two
     * @param longestOffer after what time an offer of pages counts as one that blocked, in nanoseconds; or {@link
     *     #UNCHECKED}
     * @param oracle who judges accesses, or null if nobody does
     */
    public Memory(
            Frames frames, Rcu rcu, Cpus cpus, int faultAround, long longestOffer, @Nullable AccessChecker oracle) {
        this(frames, rcu, cpus, faultAround, longestOffer, oracle, MOST_WORKERS);
    }

    /**
     * Puts a machine's memory together.
     *
     * @param frames its frames
     * @param rcu its grace periods
     * @param cpus its CPUs
     * @param faultAround how many pages of a file one fault maps at most, a power of two
     * @param longestOffer after what time an offer of pages counts as one that blocked, in nanoseconds; or {@link
     *     #UNCHECKED}
     * @param oracle who judges accesses, or null if nobody does
     * @param mostWorkers how many workers there may be, from 1 to {@link #MOST_WORKERS}
     */
    public Memory(
            Frames frames,
            Rcu rcu,
            Cpus cpus,
            int faultAround,
            long longestOffer,
            @Nullable AccessChecker oracle,
            int mostWorkers) {
        owners = new PteOwners(mostWorkers);
        this.oracle = oracle;
        this.frames = frames;
        this.rcu = rcu;
        this.cpus = cpus;
        this.faultAround = faultAround;
        this.longestOffer = longestOffer;
    }

    /**
     * Who judges accesses.
     *
     * @return the oracle; null if the machine is not checked
     */
    public @Nullable AccessChecker oracle() {
        return oracle;
    }

    /**
     * How long an offer of pages may take.
     *
     * @return nanoseconds, or {@link #UNCHECKED}
     */
    public long longestOffer() {
        return longestOffer;
    }

    /**
     * Puts a machine's memory together, with windows of Linux's size for pages of 4 KiB.
     *
     * @param frames its frames
     * @param rcu its grace periods
     */
    public Memory(Frames frames, Rcu rcu) {
        this(frames, rcu, new Cpus(Long.MAX_VALUE, message -> {}), 16, UNCHECKED, null);
    }

    /**
     * How many pages of a file one fault maps at most.
     *
     * @return a power of two
     */
    public int faultAround() {
        return faultAround;
    }

    /**
     * The frames.
     *
     * @return always the same
     */
    public Frames frames() {
        return frames;
    }

    /**
     * The grace periods.
     *
     * @return always the same
     */
    public Rcu rcu() {
        return rcu;
    }

    /**
     * The CPUs that use its frames.
     *
     * @return always the same
     */
    public Cpus cpus() {
        return cpus;
    }

    /**
     * Who is at which entry.
     *
     * @return always the same
     */
    public PteOwners owners() {
        return owners;
    }

    /**
     * The page caches in it.
     *
     * @return always the same
     */
    public Caches caches() {
        return caches;
    }

    /**
     * Tries to free a frame, since there is none left: of page caches that nobody can reach, and of those that can read
     * a page again. Nothing is done where the calling thread must not wait, since a CPU of its own is in GUEST or this
     * is called within a reader section.
     *
     * <p>Caller holds no lock of a leaf, of a cache's content or of a layout.
     *
     * @return whether frames were freed: then it is worth while to begin anew
     */
    public boolean reclaim() {
        return Cpus.mayWait() && caches.reclaim() > 0;
    }

    /**
     * A number for a page cache.
     *
     * @return a number that no other cache of this machine has, above {@link Frames#ANONYMOUS}: 64 bits do not run out
     */
    public long nextCache() {
        return cacheNumbers.incrementAndGet();
    }

    /** Has the numbers of caches go on behind one; for tests. */
    void numberCachesFrom(long last) {
        cacheNumbers.set(last);
    }

    /**
     * Makes a worker.
     *
     * @param name whom reports name
     * @return a worker of this memory
     */
    public PageTableContext newWorker(String name) {
        PageTableContext worker = newWorkerOrNull(name);
        if (worker == null) {
            throw noneLeft();
        }
        return worker;
    }

    private static IllegalStateException noneLeft() {
        return new IllegalStateException("as many workers as there can be are at work");
    }

    private @Nullable PageTableContext newWorkerOrNull(String name) {
        int owner = owners.register();
        if (owner < 0) {
            return null;
        }
        Magazine magazine = null;
        PageTableContext worker = null;
        try {
            magazine = frames.newMagazine();
            worker = new PageTableContext(rcu.register(name), magazine, owner);
            return worker;
        } finally {
            if (worker == null) {
                owners.release(owner);
                if (magazine != null) {
                    frames.discard(magazine);
                }
            }
        }
    }

    /**
     * Makes a worker for one thread alone. Those that threads have left which have ended are ended first, so that a
     * thread that never gives its own back costs no more than that until somebody else needs one.
     *
     * @param name whom reports name
     * @param owner the thread
     * @return a worker of this memory
     */
    public PageTableContext newWorker(String name, Thread owner) {
        owned.forEach((worker, thread) -> {
            // Whatever it did with the worker happened before it is found dead.
            if (!thread.isAlive() && owned.remove(worker, thread)) {
                end(worker);
            }
        });
        PageTableContext worker = newWorker(name);
        owned.put(worker, owner);
        return worker;
    }

    /**
     * Ends a worker that is in no reader section, or whose thread has ended.
     *
     * @param worker one of this memory
     */
    public void discard(PageTableContext worker) {
        owned.remove(worker);
        end(worker);
    }

    private void end(PageTableContext worker) {
        rcu.unregister(worker.reader());
        frames.discard(worker.magazine());
        owners.release(worker.owner());
    }

    /**
     * Lends a worker to a thread that has none.
     *
     * @return a worker, to be given back
     * @throws IllegalStateException if all that there can be are lent
     */
    public PageTableContext borrow() {
        PageTableContext worker = borrowOrNull();
        if (worker == null) {
            throw noneLeft();
        }
        return worker;
    }

    /**
     * Lends a worker to a thread that has none.
     *
     * @return a worker, to be given back; null if all that there can be are lent
     */
    public @Nullable PageTableContext borrowOrNull() {
        PageTableContext worker = borrowIdle();
        return worker != null ? worker : newWorkerOrNull("service " + workers.incrementAndGet());
    }

    /**
     * Lends a worker that there is. Neither makes one nor waits for anything.
     *
     * @return a worker, to be given back; null if none is idle
     */
    public @Nullable PageTableContext borrowIdle() {
        Idle top = idle.get();
        while (top != null && !idle.compareAndSet(top, top.below)) {
            top = idle.get();
        }
        if (top == null) {
            fewestIdle = 0;
            return takeFromAside();
        }
        if (top.depth <= fewestIdle) {
            fewestIdle = top.depth - 1;
        }
        return top.worker;
    }

    /**
     * Takes a worker back, also where there is no memory left.
     *
     * @param worker a borrowed one, whose user is done with it: should an Error have left it in a reader section, that
     *     ends
     */
    public void giveBack(PageTableContext worker) {
        // Nobody has it from here on, so nobody would leave the section, and no grace period would end.
        worker.reader().exitAll();
        push(worker);
        if (++givenBack >= PERIOD) {
            givenBack = 0;
            giveUp();
        }
    }

    /** Puts a worker among the idle ones or, where there is no memory for a place among them, aside. */
    private void push(PageTableContext worker) {
        try {
            Idle top;
            do {
                top = idle.get();
            } while (!idle.compareAndSet(top, new Idle(worker, top == null ? 1 : top.depth + 1, top)));
        } catch (OutOfMemoryError exhausted) {
            PageTableContext others;
            do {
                others = aside.get();
                worker.next = others;
            } while (!aside.compareAndSet(others, worker));
        }
    }

    /** Takes a worker of those that were put aside, and puts the others among the idle ones. */
    private @Nullable PageTableContext takeFromAside() {
        // All at once: one that is taken alone could be back, above others, before its successor is made the first.
        PageTableContext first = aside.get() == null ? null : aside.getAndSet(null);
        PageTableContext rest = first == null ? null : first.next;
        while (rest != null) {
            PageTableContext next = rest.next;
            push(rest);
            rest = next;
        }
        return first;
    }

    /** Ends idle workers as many as nobody has needed for a while, so that grace periods need not look at them. */
    private void giveUp() {
        int surplus = Math.min(fewestIdle - SPARE, MOST_GIVEN_UP);
        fewestIdle = Integer.MAX_VALUE;
        if (surplus <= 0) {
            return;
        }
        List<PageTableContext> ended;
        try {
            ended = new ArrayList<>(surplus);
        } catch (OutOfMemoryError exhausted) {
            // Another time.
            return;
        }
        for (int i = 0; i < surplus; i++) {
            PageTableContext worker = borrowIdle();
            if (worker == null) {
                break;
            }
            ended.add(worker);
        }
        fewestIdle = Integer.MAX_VALUE;
        if (!unregister(ended)) {
            for (int i = 0; i < ended.size(); i++) {
                push(ended.get(i));
            }
            return;
        }
        for (PageTableContext worker : ended) {
            frames.discard(worker.magazine());
            owners.release(worker.owner());
        }
    }

    /** False if there is no memory for that. */
    private boolean unregister(List<PageTableContext> ended) {
        try {
            Set<RcuReader> readers = new HashSet<>();
            for (PageTableContext worker : ended) {
                readers.add(worker.reader());
            }
            rcu.unregister(readers);
            return true;
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
    }

    /** How many workers are idle. */
    int idleWorkers() {
        Idle top = idle.get();
        return top == null ? 0 : top.depth;
    }
}
