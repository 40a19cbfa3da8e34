// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.page.Caches;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Magazine;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.PteOwners;
import dev.samara.core.internal.sync.Pause;
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

/** The memory of one machine: its frames, its grace periods, its CPUs and the owners of busy entries. Thread-safe. */
public final class Memory {
    /** A longest offer that no offer of pages exceeds: offers are not timed. */
    public static final long UNCHECKED = -1;

    /** The most calls of {@link #reclaim} for one page. A fault may need two frames, each of which costs the other. */
    public static final int MOST_RECLAIMS = 16;

    /** The pause after a reclaim that found files being changed by other threads, which may free pages. */
    private static final long PAUSE_NANOS = 20_000;

    /** The number of page-table contexts that busy entries can name. */
    public static final int MOST_WORKERS = PteOwners.MOST;

    private final Frames frames;
    private final Rcu rcu;
    private final Cpus cpus;
    private final int faultAround;
    private final long longestOffer;
    private final @Nullable AccessChecker accessChecker;
    private final PteOwners owners = new PteOwners();
    private final AtomicLong cacheNumbers = new AtomicLong(Frames.ANONYMOUS);
    private final Caches caches = new Caches();
    private final AtomicInteger workers = new AtomicInteger();
    private final Map<PageTableContext, Thread> owned = new ConcurrentHashMap<>();

    /** Idle page-table contexts, the latest on top, so that contexts beyond the demand stay at the bottom. */
    private final AtomicReference<@Nullable Idle> idle = new AtomicReference<>();

    /** Contexts given back while there was no memory for an {@link Idle}, linked by their own fields. */
    private final AtomicReference<@Nullable PageTableContext> aside = new AtomicReference<>();

    /** The number of idle contexts that are never discarded. */
    private static final int SPARE = 8;

    /** The number of returned contexts after which those are discarded that were idle all the time. */
    private static final int PERIOD = 256;

    /** The most contexts that are discarded at once. */
    private static final int MOST_GIVEN_UP = 1 << 10;

    /* Benign races: they only decide when, and how many, idle contexts are discarded. */
    private int givenBack;
    private int fewestIdle = Integer.MAX_VALUE;

    /** An idle context, the number of contexts in the stack from it down, and the stack below it. */
    private record Idle(
            PageTableContext worker, int depth, @Nullable Idle below) {}

    /**
     * Makes the memory of a machine.
     *
     * @param faultAround the most pages of a file that one fault maps, a power of two
     * @param longestOffer the time in nanoseconds after which an offer of pages counts as blocked, or {@link
     *     #UNCHECKED}
     * @param accessChecker the access checker, or null for a machine that is not checked
     */
    public Memory(
            Frames frames,
            Rcu rcu,
            Cpus cpus,
            int faultAround,
            long longestOffer,
            @Nullable AccessChecker accessChecker) {
        this.accessChecker = accessChecker;
        this.frames = frames;
        this.rcu = rcu;
        this.cpus = cpus;
        this.faultAround = faultAround;
        this.longestOffer = longestOffer;
    }

    /** Returns the access checker; null if the machine is not checked. */
    public @Nullable AccessChecker accessChecker() {
        return accessChecker;
    }

    /** Returns the longest time for an offer of pages in nanoseconds, or {@link #UNCHECKED}. */
    public long longestOffer() {
        return longestOffer;
    }

    /** Makes the memory of a machine without access checker, with the fault-around of Linux for pages of 4 KiB. */
    public Memory(Frames frames, Rcu rcu) {
        this(frames, rcu, new Cpus(Long.MAX_VALUE, message -> {}), 16, UNCHECKED, null);
    }

    /** Returns the most pages of a file that one fault maps, a power of two. */
    public int faultAround() {
        return faultAround;
    }

    public Frames frames() {
        return frames;
    }

    public Rcu rcu() {
        return rcu;
    }

    public Cpus cpus() {
        return cpus;
    }

    /** Returns the owners of busy entries. */
    public PteOwners owners() {
        return owners;
    }

    public Caches caches() {
        return caches;
    }

    /**
     * Tries to free frames, since none is left: those of unreachable page caches, and those of page caches that can
     * read a page again. May wait for CPUs and for a grace period. Does nothing if the calling thread must not wait,
     * because a CPU of its own is in GUEST or a reader of its own is in a section.
     *
     * <p>Afterwards the caller tries to allocate once more, whatever the result: another thread may have freed frames
     * before this call. A caller calls this {@value #MOST_RECLAIMS} times at most ({@code MAX_RECLAIM_RETRIES}).
     *
     * <p>The caller holds no lock of a leaf, of a cache's content or of a layout.
     *
     * @return false if a further call is in vain
     */
    public boolean reclaim() {
        if (!Cpus.mayWait()) {
            return false;
        }
        int freed = caches.reclaim();
        if (freed == Caches.BUSY) {
            Pause.parkNanos(this, PAUSE_NANOS);
        }
        return freed != 0;
    }

    /**
     * Returns a number for a page cache, above {@link Frames#ANONYMOUS}. No other cache of this machine has it: 64 bits
     * do not run out.
     */
    public long nextCache() {
        return cacheNumbers.incrementAndGet();
    }

    /** Makes the numbers of caches continue after a given one; for tests. */
    void numberCachesFrom(long last) {
        cacheNumbers.set(last);
    }

    /**
     * Makes a page-table context.
     *
     * @param name its name in reports
     * @throws IllegalStateException if there are as many as there can be
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
     * Makes a page-table context for one thread alone. First ends the contexts of ended threads. A thread that never
     * discards its own context thus keeps it only until another thread needs one.
     *
     * @param name its name in reports
     * @param owner the thread
     * @throws IllegalStateException if there are as many as there can be
     */
    public PageTableContext newWorker(String name, Thread owner) {
        owned.forEach((worker, thread) -> {
            // All that the thread did with its context happened before isAlive returned false.
            if (!thread.isAlive() && owned.replace(worker, thread, Thread.currentThread())) {
                discardOf(thread, worker);
            }
        });
        PageTableContext worker = newWorker(name);
        boolean isOwned = false;
        try {
            own(worker, owner);
            isOwned = true;
            return worker;
        } finally {
            if (!isOwned) {
                // Memory may have run out after the thread had become its owner.
                disown(worker);
                giveBack(worker);
            }
        }
    }

    /** Ends the context of an ended thread, which this thread has taken over, or leaves it to another call. */
    private void discardOf(Thread thread, PageTableContext worker) {
        boolean isEnded = false;
        try {
            discard(worker);
            isEnded = true;
        } finally {
            if (!isEnded) {
                owned.replace(worker, Thread.currentThread(), thread);
            }
        }
    }

    /** Takes a page-table context from its thread, which is in no reader section: it does not end with that thread. */
    public void disown(PageTableContext worker) {
        owned.remove(worker);
        worker.reader().ownedBy(null);
    }

    /** Makes a thread the owner of a page-table context that no thread owns. */
    public void own(PageTableContext worker, Thread owner) {
        owned.put(worker, owner);
        worker.reader().ownedBy(owner);
    }

    /**
     * Ends a page-table context that is in no reader section, or whose thread has ended. Does nothing if that was done.
     */
    public void discard(PageTableContext worker) {
        // If this throws, it is made again after the context's thread has ended.
        end(worker);
        owned.remove(worker);
    }

    /** Each step may be repeated: an Error may end this anywhere. */
    private void end(PageTableContext worker) {
        rcu.unregister(worker.reader());
        frames.discard(worker.magazine());
        owners.release(worker);
    }

    /**
     * Lends a page-table context to a thread that has none. The thread {@linkplain #giveBack gives it back}.
     *
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
     * Lends a page-table context to a thread that has none. The thread {@linkplain #giveBack gives it back}.
     *
     * @return a context; null if all that there can be are lent
     */
    public @Nullable PageTableContext borrowOrNull() {
        PageTableContext worker = borrowIdle();
        return worker != null ? worker : newWorkerOrNull("service " + workers.incrementAndGet());
    }

    /**
     * Lends an idle page-table context. Makes none and does not wait.
     *
     * @return a context, to be given back; null if none is idle
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
     * Takes a borrowed page-table context back, also if there is no memory left. If an Error has left the context in a
     * reader section, this ends the section.
     */
    public void giveBack(PageTableContext worker) {
        // No thread uses the context from here on, so an open section would never end, nor would any grace period.
        worker.reader().readUnlockAll();
        push(worker);
        if (++givenBack >= PERIOD) {
            givenBack = 0;
            giveUp();
        }
    }

    /** Puts a context on the idle stack, or aside if there is no memory for that. */
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

    /** Takes one of the contexts that were put aside, and pushes the others on the idle stack. */
    private @Nullable PageTableContext takeFromAside() {
        // All at once, against ABA: a context that was taken alone could be back, above others, before its successor
        // becomes the first.
        PageTableContext first = aside.get() == null ? null : aside.getAndSet(null);
        PageTableContext rest = first == null ? null : first.next;
        while (rest != null) {
            PageTableContext next = rest.next;
            push(rest);
            rest = next;
        }
        return first;
    }

    /** Ends as many idle contexts as were surplus for a while, so that grace periods need not scan their readers. */
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
            owners.release(worker);
        }
    }

    /** Returns false if there is no memory to unregister the readers. */
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

    int idleWorkers() {
        Idle top = idle.get();
        return top == null ? 0 : top.depth;
    }
}
