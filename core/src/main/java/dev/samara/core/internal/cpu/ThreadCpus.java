// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.Rcu;
import java.lang.ref.WeakReference;
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
    private final CpuReferences<CpuState> cpus = new CpuReferences<>();

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

    private Rcu.@Nullable Reader borrowed;

    /** The CPUs of pools that the thread has open; weak references, as in the list above. */
    final CpuReferences<LentCpu> open = new CpuReferences<>();

    /** The CPUs of pools that the thread used last; elements are null at first. */
    final @Nullable WeakReference<LentCpu>[] remembered = array();

    private int nextRemembered;

    /** The number of nested faults of the thread's CPUs that are in progress. */
    private int faults;

    /**
     * Whether this object is kept when it is empty, because the thread uses pools, and should not allocate when it does
     * so again.
     */
    private boolean isKept;

    private ThreadCpus() {}

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
    private static @Nullable WeakReference<LentCpu>[] array() {
        return new WeakReference[REMEMBERED];
    }

    /** Returns the object for the calling thread, which is kept from now on even when it is empty. */
    static ThreadCpus kept() {
        ThreadCpus known = CURRENT.get();
        if (known == null) {
            known = make();
        }
        known.isKept = true;
        if (!usesPools) {
            usesPools = true;
        }
        return known;
    }

    /** Remembers a CPU of a pool, and forgets the CPU that was remembered first. */
    void remember(LentCpu cpu) {
        for (int i = 0; i < REMEMBERED; i++) {
            if (remembered[i] == cpu.self) {
                return;
            }
        }
        remembered[nextRemembered] = cpu.self;
        nextRemembered = nextRemembered + 1 & REMEMBERED - 1;
    }

    /**
     * Returns the CPUs of the calling thread if several of them, including CPUs of a pool, may be in GUEST; otherwise
     * null.
     */
    static @Nullable ThreadCpus ofPools() {
        // Checked first, because each fault calls this, and most programs use no pool.
        ThreadCpus known = usesPools ? CURRENT.get() : null;
        return known != null && known.cpus.size() > 1 ? known : null;
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
        cpus.remove(cpu);
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
        if (!isKept && cpus.size() == 0 && borrowed == null) {
            CURRENT.remove();
        }
    }

    /** Runs an action on the calling thread that enters and leaves sections of a reader that belongs to no CPU. */
    static int readAs(Rcu.Reader reader, IntSupplier what) {
        ThreadCpus own = make();
        Rcu.Reader outer = own.borrowed;
        own.borrowed = reader;
        try {
            return what.getAsInt();
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
    CpuState inGuest(boolean isForGood) {
        // Iterates by index, without allocating an iterator, because this runs before each operation of a thread that
        // has CPUs.
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i);
            if (cpu != null && cpu.isGuest() && !cpu.isLost() && !(isForGood && leavesForCalls(cpu))) {
                return cpu;
            }
        }
        return null;
    }

    private static boolean leavesForCalls(CpuState cpu) {
        OwnerTlb tlb = cpu.tlb();
        return tlb != null && tlb.leavesFor(OwnerTlb.FOR_CALL);
    }

    /** Makes CPUs leave GUEST, if they do so by themselves for a call or fault; see {@link OwnerTlb#leavesFor}. */
    void leaveFor(int why) {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i);
            OwnerTlb tlb = cpu == null || !cpu.isGuest() ? null : cpu.tlb();
            if (tlb != null && tlb.leavesFor(why)) {
                tlb.goAway(why);
            }
        }
    }

    /**
     * Counts a fault, which is nested in the faults in progress.
     *
     * @return the depth of the fault, which is the argument for {@link #comeBack}
     */
    int beginFault() {
        return ++faults;
    }

    /** Makes the CPUs that left GUEST for a fault enter it again after the fault. */
    void comeBack(int depth) {
        faults = depth - 1;
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i);
            OwnerTlb tlb = cpu == null ? null : cpu.tlb();
            if (tlb != null) {
                boolean unused = tlb.comeBackFrom(depth);
            }
        }
    }

    /** Returns a CPU that is in a context, and not in GUEST; or null. */
    @Nullable
    CpuState inKernel(long context) {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i);
            if (cpu != null && cpu.isInKernel(context)) {
                return cpu;
            }
        }
        return null;
    }

    /** Returns a reader that is in a section, other than a given one; or null. */
    Rcu.@Nullable Reader inSection(Rcu.@Nullable Reader passed) {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i);
            Rcu.Reader reader = cpu == null ? null : cpu.reader();
            if (reader != null && reader != passed && reader.isReading()) {
                return reader;
            }
        }
        Rcu.Reader reader = borrowed;
        return reader != null && reader != passed && reader.isReading() ? reader : null;
    }
}
