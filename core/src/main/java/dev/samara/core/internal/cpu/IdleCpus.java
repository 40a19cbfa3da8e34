// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicInteger;
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
public final class IdleCpus<T extends IdleCpus.LentCpu> {
    /**
     * A CPU that the pool lends to one thread at a time. While it is idle, a place of the pool keeps it reachable.
     * While it is lent, only its thread keeps it reachable, so a CPU that its thread drops is detected as lost. The
     * fields are used by the thread to which the CPU is lent.
     */
    public abstract static class LentCpu {
        /**
         * The reference through which threads remember this CPU. Created once, so that nothing is allocated when the
         * CPU is lent.
         */
        final WeakReference<LentCpu> self = new WeakReference<>(this);

        final CpuOwner owner;

        /**
         * The place of this CPU in the pool; null if the pool has no place for it.
         *
         * <p>Written: the thread to which the CPU is lent (plain).
         * Read: this thread; threads that found the CPU idle, or remember it (plain).
         * Invariant: written once before another thread knows the CPU, and cleared when it ends. Racy, benign because a
         *     thread that reads the place of an ended CPU fails to take it: no place contains an ended CPU.
         */
        @Nullable
        IdlePlace place;

        /**
         * The CPUs of the thread to which this CPU is lent. An idle CPU keeps the value, so that the same thread need
         * not store it again.
         *
         * <p>Written: the thread to which the CPU is lent, before it uses the CPU (plain).
         * Read: this thread; threads that search for an idle CPU (plain).
         * Pairs: by {@code idle} of {@code IdleCpus}, with which the CPU passes from thread to thread.
         * Invariant: while the CPU is lent for use, and not only to be ended, the CPUs of its thread. For other threads
         *     racy, benign because each stores its own once it has taken the CPU.
         */
        @Nullable
        ThreadCpus thread;

        /**
         * The space of this CPU. Another thread may read it, racily, to choose a CPU; it checks again after the CPU is
         * lent to it.
         *
         * <p>Written: the thread to which the CPU is lent (plain).
         * Read: this thread; threads that search for an idle CPU (plain).
         * Invariant: for the CPU's thread, the space that the CPU is in. For other threads racy, benign because each
         *     checks again after it has taken the CPU. The thread that closes the last reference reads this field only
         *     if the CPU is idle: it first reads the CPU from {@code IdlePlace.idle} (volatile), and the thread to
         *     which the CPU was lent last stored {@code space} before it put the CPU there.
         */
        private @Nullable Object space;

        /**
         * Creates a CPU that is lent to the calling thread and has no place yet.
         *
         * @param owner the owner of the CPU
         */
        protected LentCpu(CpuOwner owner) {
            this.owner = owner;
        }

        /** Adds the CPU's state to the CPUs of the thread to which the CPU is lent. */
        public final void list(CpuState cpu) {
            ThreadCpus of = thread;
            if (of != null) {
                of.list(cpu);
            }
        }

        /** Ends {@link #list}. Allocates nothing. */
        public final void unlist(CpuState cpu) {
            ThreadCpus of = thread;
            if (of != null) {
                of.unlist(cpu);
            }
        }

        /** Makes the thread to which the CPU is lent its owner. Allocates nothing. */
        public final void own() {
            ThreadCpus of = thread;
            if (of == null) {
                owner.own();
            } else {
                owner.own(of.thread);
            }
        }

        /** Returns the reference by which a space may remember this CPU; always the same. */
        public final WeakReference<LentCpu> self() {
            return self;
        }

        /**
         * Returns whether the CPU is in a space.
         *
         * @param wanted an object that identifies the space; null for no space
         */
        public final boolean isIn(@Nullable Object wanted) {
            return space == wanted;
        }

        /**
         * Sets the space that the CPU is in now.
         *
         * @param next an object that identifies the space; null if the CPU is in none
         */
        public final void isNowIn(@Nullable Object next) {
            space = next;
        }

        /** Returns whether the pool has a place for the CPU. */
        public final boolean hasPlace() {
            return place != null;
        }
    }

    /** The place of one CPU, with padding like a slot of {@link dev.samara.core.internal.page.PageTableContexts}. */
    @SuppressWarnings("UnusedVariable") // padding
    static final class IdlePlace {
        /**
         * Null while the CPU is lent.
         *
         * <p>Written: a thread to which the CPU is lent, or that ends it (compare-and-set of null); a thread that puts
         *     it back (volatile).
         * Read: threads that search for an idle CPU (volatile).
         * Pairs: {@code putBack} with {@code taken}: the next thread sees all that the last one did with the CPU. A
         *     thread that leaves its guest puts the CPU back, then reads the references in {@code word} of {@code
         *     TlbContext} (volatile). A thread that closes the last reference subtracts it (get-and-add), then reads
         *     the places. At least one of the two finds the other's store, and the compare-and-set gives the CPU to one
         *     of them, which ends it.
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
    }

    /** In place of a space, when a CPU in any space, or in none, may be taken. */
    private static final Object ANYWHERE = new Object();

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
     * The number of places that were ever in use, which are the first ones.
     *
     * <p>Written: a thread that creates a CPU (get-and-update).
     * Read: this thread; threads that scan the places (volatile).
     * Invariant: never decreases; increased before a place contains a CPU for the first time, so {@code idle} pairs as
     *     it would if all places were scanned.
     */
    private final AtomicInteger reached = new AtomicInteger();

    /**
     * Creates an empty pool.
     *
     * @param most the maximum number of CPUs with a place
     */
    public IdleCpus(int most) {
        places = new AtomicReferenceArray<>(most);
    }

    /** Returns the number of places to scan; 0 before a CPU was added. */
    public int places() {
        return reached.get();
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
            thread.open.remove(cpu.self, cpu);
        }
    }

    /**
     * Returns the CPU that the calling thread {@linkplain #opened has open} in a space; otherwise takes an idle one
     * that was in the space, preferably one that the calling thread used before. Allocates nothing once the thread used
     * a pool. The caller checks whether a CPU that was idle {@linkplain LentCpu#isIn is still in the space}.
     *
     * @param likely the {@linkplain LentCpu#self() reference} of a CPU that was in the space lately; null if there is
     *     none
     * @return null if there is neither
     */
    public @Nullable T openOrTakeIn(Object space, @Nullable WeakReference<LentCpu> likely) {
        ThreadCpus thread = ThreadCpus.kept();
        for (int i = thread.open.size - 1; i >= 0; i--) {
            LentCpu cpu = thread.open.get(i);
            if (cpu != null && cpu.isIn(space)) {
                return cast(cpu);
            }
        }
        LentCpu last = likely == null ? null : likely.get();
        // First if this thread used it last, so that a thread that uses many spaces in turn looks at no CPU of another
        // one. Otherwise last, because the threads that use a space side by side should not contend for this CPU.
        if (last != null && last.thread == thread && isTakenIn(last, space)) {
            return lent(last, thread);
        }
        for (int i = 0; i < ThreadCpus.REMEMBERED; i++) {
            WeakReference<LentCpu> known = thread.remembered[i];
            LentCpu cpu = known == null ? null : known.get();
            if (cpu != null && isTakenIn(cpu, space)) {
                return lent(cpu, thread);
            }
        }
        if (last != null && isTakenIn(last, space)) {
            thread.rememberNowAndThen(last);
            return lent(last, thread);
        }
        return scan(space, thread);
    }

    /** Takes a CPU if it is idle, and was in the space. */
    private boolean isTakenIn(LentCpu cpu, Object space) {
        if (cpu.isIn(space)) {
            IdlePlace place = cpu.place;
            return place != null && place.pool == this && taken(cpu, place);
        }
        return false;
    }

    /**
     * Takes an idle CPU that is in no space. Allocates nothing once the thread used a pool.
     *
     * @return null if there is none
     */
    public @Nullable T takeNowhere() {
        return scan(null, ThreadCpus.kept());
    }

    /**
     * Takes any idle CPU.
     *
     * @return null if none is idle
     */
    public @Nullable T takeAny() {
        return scan(ANYWHERE, ThreadCpus.kept());
    }

    private @Nullable T scan(@Nullable Object space, ThreadCpus thread) {
        int size = reached.get();
        // Starts at a place of the thread's own, so that new threads do not contend for one place.
        int at = size == 0 ? 0 : Math.floorMod((int) Thread.currentThread().getId(), size);
        for (int i = 0; i < size; i++) {
            T cpu = takeAt(at, space);
            if (cpu != null) {
                thread.remember(cpu);
                return lent(cpu, thread);
            }
            at = at + 1 == size ? 0 : at + 1;
        }
        return null;
    }

    private T lent(LentCpu cpu, ThreadCpus thread) {
        // Compared first, because a store of a reference takes longer.
        if (cpu.thread != thread) {
            cpu.thread = thread;
        }
        return cast(cpu);
    }

    @SuppressWarnings("unchecked") // a pool contains only CPUs that were added to it
    private T cast(LentCpu cpu) {
        return (T) cpu;
    }

    /**
     * Takes the CPU that is idle at an index, if there is one, and it was in a space.
     *
     * @param space the space, which the caller checks again; null for a CPU in no space
     */
    public @Nullable T takeAt(int index, @Nullable Object space) {
        IdlePlace place = places.get(index);
        if (place == null) {
            return null;
        }
        LentCpu cpu = place.idle.get();
        return cpu != null && (space == ANYWHERE || cpu.isIn(space)) && taken(cpu, place) ? cast(cpu) : null;
    }

    /** Takes the CPU that is idle at an index, if there is one. */
    public @Nullable T takeAt(int index) {
        return takeAt(index, ANYWHERE);
    }

    /** Returns how many idle CPUs are in no space, at some instants of this call. */
    public int countNowhere() {
        int count = 0;
        for (int i = 0; i < reached.get(); i++) {
            IdlePlace place = places.get(i);
            LentCpu cpu = place == null ? null : place.idle.get();
            count += cpu != null && cpu.isIn(null) ? 1 : 0;
        }
        return count;
    }

    private static boolean taken(LentCpu cpu, IdlePlace place) {
        // Atomic, so that only one thread gets the CPU. Pairs with putBack: that thread sees all that the last thread
        // did with the CPU. Read first, because a compare-and-set that fails takes longer.
        return place.idle.get() == cpu && place.idle.compareAndSet(cpu, null);
    }

    /** Returns whether there is a place for another CPU. */
    public boolean hasRoom() {
        for (int i = 0; i < places.length(); i++) {
            IdlePlace place = places.get(i);
            if (place == null || place.owner.isGone()) {
                return true;
            }
        }
        return false;
    }

    /** Gives a new CPU of the calling thread a place, if there is one that is free, or whose CPU is gone. */
    public void add(T cpu) {
        ThreadCpus thread = ThreadCpus.kept();
        cpu.thread = thread;
        for (int i = 0; i < places.length(); i++) {
            IdlePlace known = places.get(i);
            if (known == null || known.owner.isGone()) {
                IdlePlace made = new IdlePlace(this, cpu.owner, i);
                if (places.compareAndSet(i, known, made)) {
                    int size = i + 1;
                    // Before the CPU is first put into its place.
                    reached.updateAndGet(before -> Math.max(before, size));
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
            // Volatile: after all that the thread did with the CPU, and before the caller reads the references to the
            // space. Pairs with taken, and with Lifetime.put, which releases a reference and then reads this word.
            place.idle.set(cpu);
        }
    }

    /** Takes a CPU that the calling thread has just put back, unless another thread took it. */
    public boolean takeBack(T cpu) {
        IdlePlace place = cpu.place;
        return place != null && taken(cpu, place);
    }
}
