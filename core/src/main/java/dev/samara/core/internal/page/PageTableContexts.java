// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.cpu.CpuOwner;
import dev.samara.core.internal.sync.Rcu;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The page table contexts of one machine: contexts that threads own, and idle contexts, which are lent for one
 * operation. Thread-safe.
 */
public final class PageTableContexts {
    /** The maximum number of contexts at a time, because busy entries cannot name more owners. */
    public static final int MOST = PteOwners.MOST;

    private final Frames frames;
    private final Rcu rcu;
    private final PteOwners owners;

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

    /** The first idle context of the threads that share a slot. */
    private final ContextSlots slots = new ContextSlots();

    /**
     * Other idle page table contexts, with the one returned last on top, so that surplus contexts stay at the bottom.
     *
     * <p>Written: a thread that borrows a context or gives one back (compare-and-set of a new element: none is used
     *     twice).
     * Read: a thread that borrows a context or gives one back (volatile).
     * Invariant: a stack of page table contexts that are not in a reader section; each element contains the depth of
     *     the stack from itself down.
     */
    private final AtomicReference<@Nullable Idle> idle = new AtomicReference<>();

    /**
     * Contexts that were given back when there was no memory for an {@link Idle}, linked by their own fields.
     *
     * <p>Written: a thread that gives a context back and finds no memory for an element of {@code idle}
     *     (compare-and-set); a thread that wants to borrow and finds {@code idle} empty (get-and-set: the whole list,
     *     so that it does not read the successor of a context that was taken concurrently).
     * Read: a thread that gives a context back and finds no memory, or wants to borrow and finds {@code idle} empty
     *     (volatile).
     * Invariant: page table contexts that are not in a reader section, linked by their own {@code next}, which belongs
     *     to the thread that took the list.
     */
    private final AtomicReference<@Nullable PageTableContext> aside = new AtomicReference<>();

    /** The number of idle contexts in the stack that are never discarded. */
    private static final int SPARE = 8;

    /** After this number of returned contexts, contexts that were idle throughout are discarded. */
    private static final int PERIOD = 256;

    /** The maximum number of contexts that are discarded together. */
    private static final int MOST_GIVEN_UP = 1 << 10;

    /**
     * The minimum number of idle contexts in the current period. A benign race, because it only decides how many idle
     * contexts are discarded.
     *
     * <p>Written: a thread that borrows from {@code idle}, or discards contexts of it (plain).
     * Read: a thread that borrows from {@code idle}, or discards contexts of it (plain).
     * Invariant: none: racy, benign because it only decides how many idle contexts are discarded.
     */
    private int fewestIdle = Integer.MAX_VALUE;

    /** An idle context, the number of contexts in the stack from this one down, and the stack below it. */
    private record Idle(
            PageTableContext context, int depth, @Nullable Idle below) {}

    /** Creates an empty set of contexts for a machine. */
    public PageTableContexts(Frames frames, Rcu rcu, PteOwners owners) {
        this.frames = frames;
        this.rcu = rcu;
        this.owners = owners;
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
        PageTableContext context = newContextOrNull(name);
        if (context == null) {
            throw noneLeft();
        }
        return context;
    }

    private static IllegalStateException noneLeft() {
        return new IllegalStateException("as many page table contexts as there can be are in use");
    }

    private @Nullable PageTableContext newContextOrNull(String name) {
        int owner = owners.register();
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
                owners.release(owner);
                if (magazine != null) {
                    frames.discard(magazine);
                }
            }
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
            context.reader().ownedBy(owner.thread());
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
        // If this call throws, it is repeated after the context's CPU is gone.
        end(context);
        owned.remove(context);
    }

    /** An Error may interrupt this method anywhere, so each step can be repeated. */
    private void end(PageTableContext context) {
        rcu.unregister(context.reader());
        frames.discard(context.magazine());
        owners.release(context);
    }

    /**
     * Lends a page table context to a thread that has none. The thread {@linkplain #giveBack gives it back}.
     *
     * @throws IllegalStateException if the maximum number of contexts is in use
     */
    public PageTableContext borrow() {
        PageTableContext context = borrowOrNull();
        if (context == null) {
            throw noneLeft();
        }
        return context;
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
        PageTableContext own = slots.take();
        if (own != null) {
            return own;
        }
        PageTableContext stacked = pop();
        return stacked != null ? stacked : slots.takeAny();
    }

    private @Nullable PageTableContext pop() {
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
        return top.context;
    }

    /**
     * Takes a borrowed page table context back, even if no memory is left. If an Error left the context in a reader
     * section, this ends the section.
     */
    public void giveBack(PageTableContext context) {
        // Ends a section that an Error left open. No thread uses the context from here on, so the section would never
        // end, and neither would a grace period.
        context.reader().readUnlockAll();
        if (!slots.put(context)) {
            push(context);
        }
        if (slots.isDue(PERIOD)) {
            giveUp();
        }
    }

    /**
     * Puts a context on the idle stack, or in the list {@code aside} if there is no memory for an element of the stack.
     */
    private void push(PageTableContext context) {
        try {
            Idle top;
            do {
                top = idle.get();
            } while (!idle.compareAndSet(top, new Idle(context, top == null ? 1 : top.depth + 1, top)));
        } catch (OutOfMemoryError exhausted) {
            PageTableContext others;
            do {
                others = aside.get();
                context.next = others;
            } while (!aside.compareAndSet(others, context));
        }
    }

    /** Takes one of the contexts of the list {@code aside}, and pushes the rest on the idle stack. */
    private @Nullable PageTableContext takeFromAside() {
        // The whole list is taken, to avoid ABA: a context that was taken alone could be put back, in front of others,
        // before its successor becomes the first.
        PageTableContext first = aside.get() == null ? null : aside.getAndSet(null);
        PageTableContext rest = first == null ? null : first.next;
        while (rest != null) {
            PageTableContext next = rest.next;
            push(rest);
            rest = next;
        }
        return first;
    }

    /**
     * Ends as many idle contexts as were surplus throughout the period, so that grace periods need not scan their
     * readers.
     */
    private void giveUp() {
        // If no context was taken in the period, fewestIdle has its initial value, and all stacked contexts were idle.
        int surplus = Math.min(Math.min(fewestIdle, stacked()) - SPARE, MOST_GIVEN_UP);
        fewestIdle = Integer.MAX_VALUE;
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
            PageTableContext context = pop();
            if (context == null) {
                break;
            }
            ended.add(context);
        }
        fewestIdle = Integer.MAX_VALUE;
        if (!unregister(ended)) {
            for (int i = 0; i < ended.size(); i++) {
                push(ended.get(i));
            }
            return;
        }
        for (PageTableContext context : ended) {
            frames.discard(context.magazine());
            owners.release(context);
        }
    }

    /** Returns false if there is no memory to unregister the readers. */
    private boolean unregister(List<PageTableContext> ended) {
        try {
            Set<Rcu.Reader> readers = new HashSet<>();
            for (PageTableContext context : ended) {
                readers.add(context.reader());
            }
            rcu.unregister(readers);
            return true;
        } catch (OutOfMemoryError exhausted) {
            return false;
        }
    }

    private int stacked() {
        Idle top = idle.get();
        return top == null ? 0 : top.depth;
    }

    int idleCount() {
        return stacked() + slots.count();
    }
}
