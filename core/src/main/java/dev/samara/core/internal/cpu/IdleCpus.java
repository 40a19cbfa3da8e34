// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A bounded pool of CPUs. Each CPU has its own place, which contains it while it is idle. A thread takes it from there
 * with one compare-and-set, and puts it back with one store. Each thread remembers the CPUs that it used last, so
 * concurrent threads do not write to the same words. Thread-safe; acquires no lock, and never waits.
 *
 * @param <T> the kind of the CPUs
 */
public final class IdleCpus<T extends LentCpu> {
    /** The place of one CPU, with padding like a slot of {@link dev.samara.core.internal.page.PageTableContexts}. */
    @SuppressWarnings("UnusedVariable") // padding
    static final class IdlePlace {
        /**
         * Null while the CPU is lent.
         *
         * <p>Written: a thread to which the CPU is lent, or that ends it (compare-and-set of null); a thread that puts
         *     it back (volatile).
         * Read: threads that search for an idle CPU (volatile).
         * Pairs: {@code put} with {@code take}: the next thread sees all that the last one did with the CPU. A thread
         *     that leaves its guest puts the CPU back, then reads the references in {@code word} of {@code SpaceUsers}
         *     (volatile). A thread that closes the last reference subtracts it (get-and-add), then reads the places. At
         *     least one of the two finds the other's store, and the compare-and-set gives the CPU to one of them, which
         *     ends it.
         * Invariant: the CPU while no thread uses it; it then has no owner. A CPU has one place.
         */
        private final AtomicReference<@Nullable LentCpu> idle = new AtomicReference<>();

        final IdleCpus<?> pool;
        final CpuOwner owner;
        final int index;

        private long p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11, p12, p13, p14, p15;

        IdlePlace(IdleCpus<?> pool, CpuOwner owner, int index) {
            this.pool = pool;
            this.owner = owner;
            this.index = index;
        }

        @Nullable
        LentCpu idle() {
            return idle.get();
        }

        /** Takes a CPU that was found here, unless another thread took it. */
        boolean take(LentCpu found) {
            // Atomic, so that only one thread gets the CPU. Pairs with put: that thread sees all that the last thread
            // did with the CPU.
            return idle.compareAndSet(found, null);
        }

        /** Puts the CPU back. */
        void put(LentCpu cpu) {
            // Volatile: after all that the thread did with the CPU, and before the caller reads the references to the
            // space. Pairs with take, and with Lifetime.put, which releases a reference and then reads this word.
            idle.set(cpu);
        }
    }

    private final Class<T> kind;
    private final int mask;

    /**
     * The places. A place belongs to a CPU until the CPU is removed or gone.
     *
     * <p>Written: a thread that creates a CPU or ends one (compare-and-set).
     * Read: threads that search for an idle CPU, or for room (volatile).
     * Invariant: a place belongs to one CPU. Once that CPU was ended or is gone, another CPU gets a new place at this
     *     index.
     */
    private final AtomicReferenceArray<@Nullable IdlePlace> places;

    /**
     * Whether a CPU was ever added. Never reset to false.
     *
     * <p>Written: a thread that creates a CPU (volatile).
     * Read: this thread; threads that scan the places (volatile).
     * Invariant: never reset; set before a place contains a CPU for the first time, so {@code idle} pairs as it would
     *     without this flag.
     */
    private volatile boolean isUsed;

    /**
     * Creates an empty pool.
     *
     * @param most the maximum number of CPUs with a place, a power of two
     */
    public IdleCpus(Class<T> kind, int most) {
        this.kind = kind;
        mask = most - 1;
        places = new AtomicReferenceArray<>(most);
    }

    /** Returns the number of places to scan; 0 before a CPU was added. */
    public int places() {
        return isUsed ? places.length() : 0;
    }

    /** Records that the calling thread has a CPU open, so that {@link #openOrTakeIn} finds it. */
    public void opened(T cpu) {
        ThreadCpus thread = cpu.thread;
        if (thread != null) {
            thread.open.add(cpu.self);
        }
    }

    /** Ends {@link #opened}. Allocates nothing. */
    public void closed(T cpu) {
        ThreadCpus thread = cpu.thread;
        if (thread != null) {
            thread.open.remove(cpu);
        }
    }

    /**
     * Returns the CPU that the calling thread {@linkplain #opened has open} in a space; otherwise takes one as {@link
     * #takeIn} does.
     *
     * @return null if there is neither
     */
    public @Nullable T openOrTakeIn(Object space) {
        ThreadCpus thread = ThreadCpus.kept();
        for (int i = thread.open.size() - 1; i >= 0; i--) {
            LentCpu cpu = thread.open.get(i);
            if (cpu != null && cpu.isIn(space) && kind.isInstance(cpu)) {
                return kind.cast(cpu);
            }
        }
        return takeIn(space, thread);
    }

    /**
     * Takes an idle CPU that was in a space, preferably one that the calling thread used before. Allocates nothing once
     * the thread used a pool. The caller checks whether the CPU {@linkplain LentCpu#isIn is still in the space}.
     *
     * @return null if no CPU is idle there
     */
    public @Nullable T takeIn(Object space) {
        return takeIn(space, ThreadCpus.kept());
    }

    private @Nullable T takeIn(Object space, ThreadCpus thread) {
        for (int i = 0; i < ThreadCpus.REMEMBERED; i++) {
            WeakReference<LentCpu> known = thread.remembered[i];
            LentCpu cpu = known == null ? null : known.get();
            if (cpu != null && cpu.isIn(space)) {
                IdlePlace place = cpu.place;
                if (place != null && place.pool == this && place.idle() == cpu && place.take(cpu)) {
                    return lent(cpu, thread);
                }
            }
        }
        int first = first();
        for (int i = 0; i <= mask; i++) {
            LentCpu cpu = idleAt(first + i & mask);
            if (cpu != null && cpu.isIn(space) && taken(cpu)) {
                thread.remember(cpu);
                return lent(cpu, thread);
            }
        }
        return null;
    }

    private T lent(LentCpu cpu, ThreadCpus thread) {
        // Compared first, because a store of a reference takes longer.
        if (cpu.thread != thread) {
            cpu.thread = thread;
        }
        return kind.cast(cpu);
    }

    /**
     * Takes any idle CPU.
     *
     * @return null if none is idle
     */
    public @Nullable T takeAny() {
        ThreadCpus thread = ThreadCpus.kept();
        int first = first();
        for (int i = 0; i <= mask; i++) {
            LentCpu cpu = idleAt(first + i & mask);
            if (cpu != null && taken(cpu)) {
                thread.remember(cpu);
                return lent(cpu, thread);
            }
        }
        return null;
    }

    /**
     * Returns the index at which the calling thread starts its scan, so that new threads do not contend for one place.
     */
    private int first() {
        return (int) Thread.currentThread().getId() & mask;
    }

    /** Takes the CPU that is idle at an index, if there is one, to end it. */
    public @Nullable T takeAt(int index) {
        LentCpu cpu = idleAt(index);
        return cpu != null && taken(cpu) ? kind.cast(cpu) : null;
    }

    /**
     * Takes the CPU that is idle at an index, to end it, if it was in the given space. The caller checks that again.
     */
    public @Nullable T takeAt(int index, Object space) {
        LentCpu cpu = idleAt(index);
        return cpu != null && cpu.isIn(space) && taken(cpu) ? kind.cast(cpu) : null;
    }

    private @Nullable LentCpu idleAt(int index) {
        IdlePlace place = places.get(index);
        return place == null ? null : place.idle();
    }

    private static boolean taken(LentCpu cpu) {
        IdlePlace place = cpu.place;
        return place != null && place.take(cpu);
    }

    /** Returns whether there is a place for another CPU. */
    public boolean hasRoom() {
        for (int i = 0; i <= mask; i++) {
            IdlePlace place = places.get(i);
            if (place == null || place.owner.isGone()) {
                return true;
            }
        }
        return false;
    }

    /** Gives a new CPU of the calling thread a place, if there is one that is free, or whose CPU is gone. */
    public void add(T cpu) {
        if (!isUsed) {
            // Volatile: stored before the CPU is first put into its place.
            isUsed = true;
        }
        ThreadCpus thread = ThreadCpus.kept();
        cpu.thread = thread;
        for (int i = 0; i <= mask; i++) {
            IdlePlace known = places.get(i);
            if (known == null || known.owner.isGone()) {
                IdlePlace made = new IdlePlace(this, cpu.owner(), i);
                if (places.compareAndSet(i, known, made)) {
                    cpu.place = made;
                    thread.remember(cpu);
                    return;
                }
            }
        }
    }

    /** Frees the place of a CPU that is lent to the calling thread, and that is being ended. */
    public void remove(T cpu) {
        IdlePlace place = cpu.place;
        if (place != null) {
            cpu.place = null;
            places.compareAndSet(place.index, place, null);
        }
    }

    /**
     * Puts back a CPU that {@linkplain LentCpu#hasPlace has a place} and no owner. The calling thread must not use it
     * any more. Later reads of the caller are ordered after the store.
     */
    public void putBack(T cpu) {
        IdlePlace place = cpu.place;
        if (place != null) {
            place.put(cpu);
        }
    }

    /** Takes a CPU that the calling thread has just put back, unless another thread took it. */
    public boolean takeBack(T cpu) {
        return taken(cpu);
    }
}
