// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Gate.WaitReporter;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.SpinLock;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The page table contexts of one machine: contexts that threads own, and idle contexts, which are lent for one
 * operation. Thread-safe; only {@link #await} waits.
 *
 * <p>A context has a number, which its busy entries contain. It serves one operation at a time. Only that operation can
 * have written a busy entry with the number, so its compare-and-set cannot mistake another operation's entry for its
 * own. A thread that finds a busy entry waits at the gate of the number, which is created only when a thread needs it,
 * and reads the entry again after the wait.
 */
public final class PageTableContexts {
    /*
     * Algorithmic notes.
     *
     * 1. The gate of a busy entry.
     *
     *     owner:   changes its entries (compare-and-set)       then removes the gate (get-and-set) and opens it
     *     waiter:  adds a gate, if there is none (compare-and-set)    then reads the entry again: unchanged? waits
     *
     *    At least one of the two threads sees the other. A gate that is added too late, after the entry has changed,
     *    stays: the owner's next operation opens it, and a thread that waits at the gate until then waits for that
     *    operation.
     *
     * 2. Lending. A thread takes the context of its slot, else the top of the idle stack, else that of any slot, else a
     *    new one. It returns the context to its slot, or to the stack. Threads that borrow concurrently mostly use
     *    different slots, so they do not write to the same words. The stack links the contexts themselves, so returning
     *    one needs no memory.
     *
     * 3. Ending. Once in a period, the contexts of the stack that were surplus throughout are ended. A context of a CPU
     *    that is gone is ended by the next thread that creates a context for a CPU. Each step of an end can be repeated
     *    after an Error.
     */

    /** The maximum number of contexts at a time, because busy entries cannot name more owners. */
    public static final int MOST = 1 << 16;

    /** The number of slots, a power of two. */
    private static final int SLOTS = 8;

    private final Frames frames;
    private final Rcu rcu;

    /**
     * Written: a thread that creates a page table context to be lent (get-and-add).
     * Read: a thread that creates a page table context to be lent (get-and-add).
     * Invariant: the last number in a name of such a context; no number is used twice.
     */
    private final AtomicInteger serviceNames = new AtomicInteger();

    /**
     * Written: a thread that creates a page table context for a CPU, ends it, or finds its CPU gone (concurrent map);
     *     the map itself by a test, before a context exists.
     * Read: a thread that makes or ends contexts (concurrent map).
     * Invariant: every page table context that belongs to one CPU and was not ended. A thread that finds the CPU of a
     *     context gone replaces it by its own CPU, and ends the context. After an Error, the map may still contain a
     *     context that was ended, because each step of its end can be repeated.
     */
    private Map<PageTableContext, CpuOwner> owned = new ConcurrentHashMap<>();

    /**
     * Written: a waiter (compare-and-exchange from null); an owner whose operation ends (get-and-set).
     * Read: an owner whose operation ends (volatile); a waiter (volatile).
     * Pairs: a waiter adds a gate, fences (full), then reads the entry again. The owner changes its entries, then reads
     *     the gate.
     * Invariant: a gate in this array is opened by the next operation of its owner that ends.
     */
    private final AtomicReferenceArray<@Nullable Gate> gates = new AtomicReferenceArray<>(MOST);

    /**
     * The free numbers, in a ring with room for all numbers that were handed out, so that a release does not allocate.
     *
     * <p>Words: {@code free}, {@code first}, {@code count}, {@code given}, and {@code isReleased} of a context.
     * Written: any thread (monitor of {@code PageTableContexts}).
     * Read: any thread (monitor of {@code PageTableContexts}).
     * Invariant: a number belongs to one page table context at a time. It is released once per context, when no entry
     *     contains it. {@code free} has room for all numbers that were handed out.
     */
    @GuardedBy("this")
    private int[] free = new int[16];

    @GuardedBy("this")
    private int first;

    @GuardedBy("this")
    private int count;

    @GuardedBy("this")
    private int given;

    /** The first idle context of the threads that share a slot. */
    private final Slot[] slots = new Slot[SLOTS];

    /** The other idle contexts. */
    private final IdleStack idle = new IdleStack();

    /** The number of idle contexts in the stack that are never discarded. */
    private static final int SPARE = 8;

    /** After this number of returned contexts, contexts that were idle throughout are discarded. */
    private static final int PERIOD = 256;

    /** The maximum number of contexts that are discarded together. */
    private static final int MOST_GIVEN_UP = 1 << 10;

    /**
     * What a thread needs to change page tables: a reader, a magazine and an owner number. Used by one thread at a
     * time.
     */
    public static final class PageTableContext {
        public final Rcu.Reader reader;
        public final Magazine magazine;
        /** The owner number that busy entries contain. */
        public final int owner;

        /** Whether the owner number was released. */
        private boolean isReleased;

        /** The context below this one in the idle stack. */
        private @Nullable PageTableContext next;

        private PageTableContext(Rcu.Reader reader, Magazine magazine, int owner) {
            this.reader = reader;
            this.magazine = magazine;
            this.owner = owner;
        }

        /** Returns the owner number, so that the iteration order of a map of contexts is the same in each run. */
        @Override
        public int hashCode() {
            return owner;
        }
    }

    /**
     * A slot, with padding for two cache lines, because processors fetch lines in pairs. Its word is an {@link
     * AtomicReference}, because the first use of a handle may allocate, and a context must be returned even if no
     * memory is left.
     */
    @SuppressWarnings("UnusedVariable") // padding
    private static final class Slot {
        /**
         * Written: a thread that borrows a context, or that finds no other idle context (get-and-set of null); a thread
         *     that gives a context back (compare-and-set of null).
         * Read: a thread that borrows a context or gives one back (volatile).
         * Invariant: a page table context that is neither in a reader section nor in another slot; or null. A thread's
         *     number modulo the number of slots selects its slot, so threads that borrow concurrently mostly write
         *     different lines.
         */
        private final AtomicReference<@Nullable PageTableContext> context = new AtomicReference<>();

        /**
         * The number of contexts that were returned here since idle contexts were last discarded. A benign race,
         * because the number only decides when idle contexts are discarded.
         *
         * <p>Written: a thread that gives a context back, in its own slot (plain).
         * Read: as written.
         * Invariant: none: racy, benign because it only decides when idle contexts are discarded.
         */
        private int calls;

        private long p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11, p12, p13, p14, p15;

        @Nullable
        PageTableContext take() {
            return context.get() == null ? null : context.getAndSet(null);
        }
    }

    /** A stack of idle contexts. The one returned last is on top, so that surplus contexts stay at the bottom. */
    private static final class IdleStack extends SpinLock {
        /**
         * Words: {@code top}, {@code size}, {@code fewest}, and {@code next} of a context.
         * Written: a thread that borrows a context, gives one back, or discards contexts (plain, this lock).
         * Read: these threads (plain, this lock).
         * Invariant: {@code size} page table contexts that are not in a reader section, linked by {@code next}.
         */
        private @Nullable PageTableContext top;

        private int size;

        /** The minimum size in the current period. */
        private int fewest = Integer.MAX_VALUE;

        private void push(PageTableContext context) {
            lock();
            try {
                context.next = top;
                top = context;
                size++;
            } finally {
                unlock();
            }
        }

        private @Nullable PageTableContext pop() {
            lock();
            try {
                PageTableContext popped = top;
                if (popped != null) {
                    top = popped.next;
                    popped.next = null;
                    size--;
                }
                // No call, for which the stack might not suffice after the context was taken out.
                if (size < fewest) {
                    fewest = size;
                }
                return popped;
            } finally {
                unlock();
            }
        }

        /** Starts a period. Returns the minimum size in the last one. */
        private int startPeriod() {
            lock();
            try {
                // If no context was taken in the period, all were idle.
                int idle = Math.min(fewest, size);
                fewest = Integer.MAX_VALUE;
                return idle;
            } finally {
                unlock();
            }
        }
    }

    /** Creates an empty set of contexts for a machine. */
    public PageTableContexts(Frames frames, Rcu rcu) {
        this.frames = frames;
        this.rcu = rcu;
        for (int i = 0; i < SLOTS; i++) {
            slots[i] = new Slot();
        }
    }

    /** Keeps the owners of contexts in a test's map. A seam, called before a context exists. */
    void keepOwnersIn(Map<PageTableContext, CpuOwner> map) {
        owned = map;
    }

    /**
     * Creates a page table context.
     *
     * @param name its name in reports
     * @throws IllegalStateException if the maximum number of contexts is in use
     */
    public PageTableContext newContext(String name) {
        return orThrow(newContextOrNull(name));
    }

    private static PageTableContext orThrow(@Nullable PageTableContext context) {
        if (context == null) {
            throw new IllegalStateException("as many page table contexts as there can be are in use");
        }
        return context;
    }

    private @Nullable PageTableContext newContextOrNull(String name) {
        int owner = register();
        if (owner < 0) {
            return null;
        }
        Magazine magazine = null;
        PageTableContext context = null;
        try {
            magazine = frames.newMagazine();
            context = new PageTableContext(rcu.register(name), magazine, owner);
            return context;
        } finally {
            if (context == null) {
                release(owner);
                if (magazine != null) {
                    frames.discard(magazine);
                }
            }
        }
    }

    /** Allocates the number that was free for the longest time; returns -1 if all are in use. */
    public synchronized int register() {
        if (count != 0) {
            int again = free[first];
            first = (first + 1) % free.length;
            count--;
            return again;
        }
        if (given == MOST) {
            return -1;
        }
        if (given == free.length) {
            // No number is free, so there is nothing to copy.
            free = new int[2 * given];
        }
        return given++;
    }

    /** Frees a number that was never given to a context, or that no busy entry contains. */
    private synchronized void release(int number) {
        free[(first + count) % free.length] = number;
        count++;
    }

    /**
     * Frees the number of a context that ended, unless it was freed already, in which case another context may have the
     * number.
     */
    private synchronized void release(PageTableContext ended) {
        if (!ended.isReleased) {
            ended.isReleased = true;
            // Calls no method, because the stack may be exhausted.
            free[(first + count) % free.length] = ended.owner;
            count++;
        }
    }

    /**
     * Creates a page table context for one CPU of the calling thread. First ends the contexts of CPUs that are gone. So
     * a context that is never discarded is kept, after its CPU is gone, only until another thread needs a context.
     *
     * @param name its name in reports
     * @param owner the owner of the CPU
     * @throws IllegalStateException if the maximum number of contexts is in use
     */
    public PageTableContext newContext(String name, CpuOwner owner) {
        discardOfGone(owner);
        PageTableContext context = newContext(name);
        boolean isOwned = false;
        try {
            owned.put(context, owner);
            context.reader.ownedBy(owner.thread());
            isOwned = true;
            return context;
        } finally {
            if (!isOwned) {
                // The map may contain the context already when memory runs out.
                owned.remove(context);
                giveBack(context);
            }
        }
    }

    /**
     * Ends the contexts of CPUs that are gone.
     *
     * @param taker the owner that takes each context over first, so that only one thread ends it; if this owner's CPU
     *     is also gone, another thread ends the context
     */
    private void discardOfGone(CpuOwner taker) {
        owned.forEach((context, gone) -> {
            if (gone.isGone() && owned.replace(context, gone, taker)) {
                boolean isEnded = false;
                try {
                    discard(context);
                    isEnded = true;
                } finally {
                    if (!isEnded) {
                        owned.replace(context, taker, gone);
                    }
                }
            }
        });
    }

    /**
     * Ends a page table context that is not in a reader section, or whose CPU is gone. Does nothing if the context was
     * already discarded.
     */
    public void discard(PageTableContext context) {
        // An Error may interrupt this anywhere, so each step can be repeated. If this call throws, it is repeated after
        // the context's CPU is gone.
        rcu.unregister(Set.of(context.reader));
        frames.discard(context.magazine);
        release(context);
        owned.remove(context);
    }

    /**
     * Lends a page table context to a thread that has none. The thread {@linkplain #giveBack gives it back}.
     *
     * @throws IllegalStateException if the maximum number of contexts is in use
     */
    public PageTableContext borrow() {
        return orThrow(borrowOrNull());
    }

    /**
     * Lends a page table context to a thread that has none. The thread {@linkplain #giveBack gives it back}.
     *
     * @return a context; null if the maximum number of contexts is in use
     */
    public @Nullable PageTableContext borrowOrNull() {
        PageTableContext context = borrowIdle();
        return context != null ? context : newContextOrNull("service " + serviceNames.incrementAndGet());
    }

    /**
     * Lends an idle page table context. Creates none and does not wait.
     *
     * @return a context, to be given back; null if none is idle
     */
    public @Nullable PageTableContext borrowIdle() {
        PageTableContext found = slot().take();
        if (found == null) {
            found = idle.pop();
        }
        for (int i = 0; found == null && i < SLOTS; i++) {
            found = slots[i].take();
        }
        return found;
    }

    /**
     * Takes a borrowed page table context back, even if no memory is left. If an Error left the context in a reader
     * section, this ends the section.
     */
    public void giveBack(PageTableContext context) {
        // Ends a section that an Error left open. No thread uses the context from here on, so the section would never
        // end, and neither would a grace period.
        context.reader.readUnlockAll();
        Slot slot = slot();
        // Pairs with getAndSet: the next borrower sees what this thread wrote to the context.
        if (slot.context.get() != null || !slot.context.compareAndSet(null, context)) {
            idle.push(context);
        }
        if (++slot.calls >= PERIOD) {
            slot.calls = 0;
            giveUp();
        }
    }

    /** Returns the calling thread's slot. */
    private Slot slot() {
        return slots[(int) Thread.currentThread().getId() & SLOTS - 1];
    }

    /**
     * Ends as many idle contexts as were surplus throughout the period, so that grace periods need not scan their
     * readers.
     */
    private void giveUp() {
        int surplus = Math.min(idle.startPeriod() - SPARE, MOST_GIVEN_UP);
        if (surplus <= 0) {
            return;
        }
        List<PageTableContext> ended;
        try {
            ended = new ArrayList<>(surplus);
        } catch (OutOfMemoryError exhausted) {
            // There is no memory for the list, so a later period retries.
            return;
        }
        for (int i = 0; i < surplus; i++) {
            PageTableContext context = idle.pop();
            if (context == null) {
                break;
            }
            ended.add(context);
        }
        idle.startPeriod();
        try {
            Set<Rcu.Reader> readers = new HashSet<>();
            for (PageTableContext context : ended) {
                readers.add(context.reader);
            }
            rcu.unregister(readers);
        } catch (OutOfMemoryError exhausted) {
            // The readers are still registered.
            for (int i = 0; i < ended.size(); i++) {
                idle.push(ended.get(i));
            }
            return;
        }
        for (PageTableContext context : ended) {
            frames.discard(context.magazine);
            release(context);
        }
    }

    int idleCount() {
        int count = idle.size;
        for (int i = 0; i < SLOTS; i++) {
            count += slots[i].context.get() == null ? 0 : 1;
        }
        return count;
    }

    /**
     * Ends an operation that has no busy entries left, and wakes the threads that wait for it.
     *
     * @param context the operation's page table context
     */
    public void leave(PageTableContext context) {
        int owner = context.owner;
        // Read first, which avoids the exchange, because a thread almost never waits. Volatile, after the
        // compare-and-set of the last entry. Pairs with gateOf.
        if (gates.get(owner) != null) {
            Gate gate = gates.getAndSet(owner, null);
            if (gate != null) {
                Gate.wake(gate.open());
            }
        }
    }

    /**
     * Waits for the owner of a busy entry, unless the entry has changed. The caller holds no lock.
     *
     * @param leaf the leaf that contains the entry
     * @param index the index of the entry
     * @param pte the busy entry
     * @param reporter is notified of a long wait
     * @throws IllegalArgumentException if the entry is not busy
     */
    public void await(long[] leaf, int index, long pte, WaitReporter reporter) {
        if (!Pte.isBusy(pte)) {
            throw new IllegalArgumentException("no operation has claimed " + Pte.toString(pte));
        }
        Gate gate = gateOf(pte);
        // Read again after the gate was found, because the owner number can be reused. While the entry still contains
        // the number, the current user of the number is the owner.
        if (Leaf.get(leaf, index) == pte) {
            gate.awaitUninterruptibly(reporter);
        }
    }

    /**
     * Returns the gate of a busy entry's owner. The caller reads the entry again after this call, and waits at the gate
     * only if the entry is unchanged.
     *
     * @param pte a busy entry
     */
    public Gate gateOf(long pte) {
        int owner = Pte.owner(pte);
        Gate gate = gates.get(owner);
        while (gate == null) {
            Gate fresh = new Gate();
            gate = gates.compareAndExchange(owner, null, fresh);
            if (gate == null) {
                gate = fresh;
            }
        }
        // Orders the store of the gate before the caller's read of the entry. Pairs with leave, which reads the gate
        // after the change of the entry.
        VarHandle.fullFence();
        return gate;
    }
}
