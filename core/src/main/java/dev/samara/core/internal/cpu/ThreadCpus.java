// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import java.lang.ref.WeakReference;
import java.util.Arrays;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs of one thread, of all machines, and the reader that the thread borrowed to fault pages in. Used only by that
 * thread. The thread checks them before it waits, because other threads may wait for one of these CPUs or readers.
 */
public final class ThreadCpus {
    private static final ThreadLocal<@Nullable ThreadCpus> CURRENT = new ThreadLocal<>();

    /**
     * Weak references, so that a CPU that was not closed does not keep its machine reachable. An online CPU is
     * reachable as long as its machine is reachable.
     */
    private final References<CpuState> cpus = new References<>();

    /**
     * Whether a thread ever used a pool. Never reset to false. A benign race, because a thread that has a CPU of a pool
     * has set this field itself before, and does not depend on the stores of other threads.
     *
     * <p>Written: a thread before it gets a CPU of a pool (plain), once true never false.
     * Read: a thread whose CPU has a fault (plain).
     * Invariant: a thread that has a CPU of a pool reads true, because it has set this itself, or has read true before.
     */
    private static boolean usesPools;

    /** How many CPUs of pools a thread remembers. */
    static final int REMEMBERED = 4;

    /** The thread, for the owner of its CPUs: see {@link CpuOwner}. */
    final WeakReference<Thread> thread = new WeakReference<>(Thread.currentThread());

    private Rcu.@Nullable Reader borrowed;

    /** The CPUs of pools that the thread has open; weak references, as in the list above. */
    final References<IdleCpus.LentCpu> open = new References<>();

    /** The CPUs of pools that the thread used last; elements are null at first. */
    final @Nullable WeakReference<IdleCpus.LentCpu>[] remembered = References.array(REMEMBERED);

    private int nextRemembered;

    /** One less than the number of calls of {@link #rememberNowAndThen} of which one has an effect, a power of two. */
    private static final int RARELY = 15;

    private int notRemembered;

    /** The number of nested faults of the thread's CPUs that are in progress. */
    private int faults;

    /**
     * Whether this object is kept when it is empty, because the thread uses pools, and should not allocate when it does
     * so again.
     */
    private boolean isKept;

    /**
     * Weak references to CPUs, in the order of their addition. Not thread-safe.
     *
     * <p>A thread that enters a space usually adds the reference that it removed last. So a removal leaves the
     * reference in its element, and the next addition compares it first. A store of a reference takes longer than the
     * comparison: with the G1 collector, a store into an old object may include a fence.
     *
     * @param <T> the kind of the CPUs
     */
    static final class References<T> {
        /** Elements from {@code size} on are left over, or null. */
        private @Nullable WeakReference<T>[] elements = array(2);

        int size;

        @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
        private static <T> @Nullable WeakReference<T>[] array(int length) {
            return new WeakReference[length];
        }

        /** Returns the CPU at an index below the size; null if it is no longer reachable. */
        @Nullable
        T get(int index) {
            WeakReference<T> element = elements[index];
            return element == null ? null : element.get();
        }

        /** Adds a reference at the end. Allocates only if there were never as many references before. */
        void add(WeakReference<T> one) {
            if (size == elements.length) {
                elements = Arrays.copyOf(elements, 2 * size);
            }
            if (elements[size] != one) {
                elements[size] = one;
            }
            size++;
        }

        /**
         * Removes one CPU, and all CPUs that are no longer reachable. Allocates nothing.
         *
         * @param one null to remove only the latter
         */
        void remove(@Nullable T one) {
            for (int i = size - 1; i >= 0; i--) {
                T cpu = get(i);
                if (cpu == null || cpu == one) {
                    size--;
                    for (int j = i; j < size; j++) {
                        elements[j] = elements[j + 1];
                    }
                }
            }
        }

        /**
         * Removes an element as {@link #remove(Object)} does. If it was added last, without a read of the reference,
         * which is a cache line of its own.
         */
        void remove(WeakReference<T> one, T of) {
            if (size != 0 && elements[size - 1] == one) {
                size--;
            } else {
                remove(of);
            }
        }
    }

    private ThreadCpus() {}

    /** Returns the object for the calling thread, which is kept from now on even when it is empty. */
    static ThreadCpus kept() {
        ThreadCpus known = make();
        known.isKept = true;
        if (!usesPools) {
            usesPools = true;
        }
        return known;
    }

    /** Remembers a CPU of a pool, and forgets the CPU that was remembered first. */
    void remember(IdleCpus.LentCpu cpu) {
        for (int i = 0; i < REMEMBERED; i++) {
            if (remembered[i] == cpu.self) {
                return;
            }
        }
        remembered[nextRemembered] = cpu.self;
        nextRemembered = nextRemembered + 1 & REMEMBERED - 1;
    }

    /**
     * Remembers a CPU that a space remembers, in one of several calls: a thread that uses many spaces in turn does not
     * store references each time, and one that uses few of them soon remembers its own CPUs.
     */
    void rememberNowAndThen(IdleCpus.LentCpu cpu) {
        if ((++notRemembered & RARELY) == 0) {
            remember(cpu);
        }
    }

    /** Returns the calling thread, for {@link CpuOwner}: always the same reference for a thread that uses pools. */
    static WeakReference<Thread> token() {
        ThreadCpus known = CURRENT.get();
        return known == null ? new WeakReference<>(Thread.currentThread()) : known.thread;
    }

    /** Returns the CPUs and the reader of the calling thread; null if it has none. */
    static @Nullable ThreadCpus current() {
        return CURRENT.get();
    }

    private static ThreadCpus make() {
        ThreadCpus known = CURRENT.get();
        if (known != null) {
            return known;
        }
        ThreadCpus made = new ThreadCpus();
        CURRENT.set(made);
        return made;
    }

    /**
     * Creates the list for CPUs of the calling thread, so that {@link #remove} allocates nothing, even if {@code add}
     * fails.
     */
    public static void reserve() {
        make();
    }

    /** Adds a CPU to the calling thread's CPUs. */
    public static void add(CpuState cpu) {
        make().list(cpu);
    }

    /** Adds a CPU to this thread's CPUs. Must be called by this thread. */
    void list(CpuState cpu) {
        cpus.remove(null);
        cpus.add(cpu.self);
    }

    /** Removes a CPU from the calling thread's CPUs. Allocates nothing if the thread has a list for CPUs. */
    public static void remove(CpuState cpu) {
        ThreadCpus own = CURRENT.get();
        if (own != null) {
            own.unlist(cpu);
        }
    }

    /** Removes a CPU from this thread's CPUs. Must be called by this thread. Allocates nothing. */
    void unlist(CpuState cpu) {
        cpus.remove(cpu.self, cpu);
        endIfEmpty();
    }

    /** Drops the list of the calling thread if it is empty. */
    public static void giveUpReserve() {
        ThreadCpus own = CURRENT.get();
        if (own != null) {
            own.endIfEmpty();
        }
    }

    private void endIfEmpty() {
        if (!isKept && cpus.size == 0 && borrowed == null) {
            CURRENT.remove();
        }
    }

    /**
     * Checks that no other thread waits for the calling thread, which is about to make a call that may wait. Called
     * before that call changes anything. CPUs that leave GUEST by themselves for such a call do so here.
     *
     * @param what the name of the call, for messages
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or a reader of the thread is in a section; or
     *     from {@link NoWaiting#check}, which is called first and reports its exception
     */
    public static void checkMayWait(String what) {
        checkMayWait(what, null);
    }

    /**
     * Checks that no other thread waits for the calling thread, apart from one reader section that the caller leaves
     * before it waits.
     *
     * @param what the name of the call, for messages
     * @param own the reader of that section; null if there is none
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or another reader of the thread is in a
     *     section; or as {@link NoWaiting#check}
     */
    public static void checkMayWait(String what, Rcu.@Nullable Reader own) {
        NoWaiting.check(what);
        ThreadCpus thread = CURRENT.get();
        if (thread != null && thread.mayDelay(own)) {
            thread.refuseOrLeave(what, own);
        }
    }

    /** Returns whether a CPU of this thread is in GUEST, or a reader other than {@code own} is in a section. */
    private boolean mayDelay(Rcu.@Nullable Reader own) {
        // By index, because this runs before each operation of a thread that has CPUs.
        for (int i = 0; i < cpus.size; i++) {
            CpuState cpu = cpus.get(i);
            if (cpu != null && cpu.mayDelay(own)) {
                return true;
            }
        }
        Rcu.Reader reader = borrowed;
        return reader != null && reader != own && reader.isReading();
    }

    private void refuseOrLeave(String what, Rcu.@Nullable Reader own) {
        CpuState cpu = inGuest(true);
        if (cpu != null) {
            throw new IllegalStateException(what + " was called while " + cpu
                    + " is in GUEST: it has to leave it first, because others may wait for it");
        }
        Rcu.Reader reader = inSection(own);
        if (reader != null) {
            throw new IllegalStateException(what + " was called in a reader section of " + reader
                    + ", which must not wait for anything: every grace period waits for its end");
        }
        // Last, so that no CPU has left GUEST if the call is rejected.
        leaveFor(CpuState.OwnerTlb.FOR_CALL);
    }

    /**
     * Returns whether the calling thread may wait: no CPU of the thread is in GUEST, and no reader of the thread is in
     * a section.
     */
    public static boolean mayWait() {
        ThreadCpus thread = CURRENT.get();
        return thread == null || (thread.inGuest(false) == null && thread.inSection(null) == null);
    }

    /**
     * Counts a fault of a CPU of the calling thread, which is nested in the faults in progress. Called before the fault
     * is handled.
     *
     * @return the depth of the fault, which identifies it, for {@link #leaveForFault}, and for {@link #comeBack} after
     *     the fault; 0 if no other CPU of the thread has to leave GUEST, because the thread has none, or no CPU of a
     *     pool
     */
    public static int beginFault() {
        // Checked first, because each fault calls this, and most programs use no pool.
        ThreadCpus thread = usesPools ? CURRENT.get() : null;
        return thread != null && thread.cpus.size > 1 ? ++thread.faults : 0;
    }

    /**
     * Makes the other CPUs of the calling thread leave GUEST, if they do so by themselves for faults. Allocates
     * nothing.
     */
    public static void leaveForFault(int depth) {
        ThreadCpus thread = CURRENT.get();
        if (thread != null) {
            thread.leaveFor(depth);
        }
    }

    /**
     * Faults pages in on the calling thread with a reader that belongs to no CPU. During the call, {@link
     * #checkMayWait} also checks that reader.
     *
     * @param reader the reader of a borrowed page table context
     * @param faults handles the faults, in reader sections of {@code reader}
     * @return the result of {@code faults}
     */
    public static int readAs(Rcu.Reader reader, IntSupplier faults) {
        ThreadCpus own = make();
        Rcu.Reader outer = own.borrowed;
        own.borrowed = reader;
        try {
            return faults.getAsInt();
        } finally {
            own.borrowed = outer;
            own.endIfEmpty();
        }
    }

    /**
     * Returns a CPU that is in GUEST, or null. Skips lost CPUs, which make no accesses any more and cannot leave GUEST.
     *
     * @param isForGood whether to skip also the CPUs that leave GUEST by themselves for a call that may wait
     */
    @Nullable
    private CpuState inGuest(boolean isForGood) {
        // Iterates by index, without allocating an iterator, because this runs before each operation of a thread that
        // has CPUs.
        for (int i = 0; i < cpus.size; i++) {
            CpuState cpu = cpus.get(i);
            if (cpu != null && cpu.isGuest() && !cpu.isLost() && !(isForGood && leavesForCalls(cpu))) {
                return cpu;
            }
        }
        return null;
    }

    private static boolean leavesForCalls(CpuState cpu) {
        CpuState.OwnerTlb tlb = cpu.tlb();
        return tlb != null && tlb.leavesFor(CpuState.OwnerTlb.FOR_CALL);
    }

    /** Makes CPUs of the calling thread leave GUEST, if they do so by themselves for calls. */
    public static void leaveForCall() {
        ThreadCpus thread = CURRENT.get();
        if (thread != null) {
            thread.leaveFor(CpuState.OwnerTlb.FOR_CALL);
        }
    }

    /**
     * Makes CPUs leave GUEST, if they do so by themselves for a call or fault; see {@link CpuState.OwnerTlb#leavesFor}.
     */
    void leaveFor(int why) {
        for (int i = 0; i < cpus.size; i++) {
            CpuState cpu = cpus.get(i);
            CpuState.OwnerTlb tlb = cpu == null || !cpu.isGuest() ? null : cpu.tlb();
            if (tlb != null && tlb.leavesFor(why)) {
                tlb.goAway(why);
            }
        }
    }

    /** Makes the calling thread's CPUs that left GUEST for a fault enter it again after the fault. */
    public static void comeBack(int depth) {
        ThreadCpus thread = CURRENT.get();
        if (thread == null) {
            return;
        }
        thread.faults = depth - 1;
        for (int i = 0; i < thread.cpus.size; i++) {
            CpuState cpu = thread.cpus.get(i);
            CpuState.OwnerTlb tlb = cpu == null ? null : cpu.tlb();
            if (tlb != null) {
                boolean unused = tlb.comeBackFrom(depth);
            }
        }
    }

    /** Returns a CPU that is in a context, and not in GUEST; or null. */
    @Nullable
    CpuState inKernel(long context) {
        for (int i = 0; i < cpus.size; i++) {
            CpuState cpu = cpus.get(i);
            if (cpu != null && cpu.isInKernel(context)) {
                return cpu;
            }
        }
        return null;
    }

    /** Returns a reader that is in a section, other than a given one; or null. */
    private Rcu.@Nullable Reader inSection(Rcu.@Nullable Reader passed) {
        for (int i = 0; i < cpus.size; i++) {
            CpuState cpu = cpus.get(i);
            Rcu.Reader reader = cpu == null ? null : cpu.reader;
            if (reader != null && reader != passed && reader.isReading()) {
                return reader;
            }
        }
        Rcu.Reader reader = borrowed;
        return reader != null && reader != passed && reader.isReading() ? reader : null;
    }
}
