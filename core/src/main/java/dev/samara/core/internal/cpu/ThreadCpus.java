// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.RcuReader;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The CPUs of one thread, of all machines, and the reader that the thread has borrowed to fault pages in. Used by that
 * thread alone. The thread checks them before it waits, since other threads may wait for one of these CPUs or readers.
 */
final class ThreadCpus {
    private static final ThreadLocal<@Nullable ThreadCpus> CURRENT = new ThreadLocal<>();

    /**
     * Weak, so that a CPU that was not closed does not keep its machine reachable. A CPU that is online is reachable as
     * long as its machine is.
     */
    private final List<WeakReference<CpuState>> cpus = new ArrayList<>(1);

    /**
     * Whether a thread has used a pool. Never set back to false. Racy: a thread that has a CPU of a pool has set this
     * before, and what other threads have set decides nothing for it.
     *
     * @written a thread before it gets a CPU of a pool (plain), once true never false
     * @read a thread whose CPU has a fault (plain)
     * @invariant a thread that has a CPU of a pool reads true, since it has set this itself, or has read true before
     */
    private static boolean usesPools;

    /** How many CPUs of pools a thread remembers. */
    static final int REMEMBERED = 4;

    private @Nullable RcuReader borrowed;

    /** The CPUs of pools that the thread has open; weak as the list above. */
    final List<WeakReference<LentCpu>> open = new ArrayList<>(1);

    /** The CPUs of pools that the thread has used last; null before that. */
    final @Nullable WeakReference<LentCpu>[] remembered = array();

    private int nextRemembered;

    /** The faults of CPUs of the thread that have begun and not ended, one within the other. */
    private int faults;

    /** Whether this stays when it is empty: the thread uses pools, and allocates nothing when it does so again. */
    private boolean isKept;

    private ThreadCpus() {}

    @SuppressWarnings({"unchecked", "rawtypes"}) // an array of a generic type
    private static @Nullable WeakReference<LentCpu>[] array() {
        return new WeakReference[REMEMBERED];
    }

    /** Returns the CPUs of the calling thread, which stay its own from now on. */
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

    /** Remembers a CPU of a pool, in place of the one that was remembered first. */
    void remember(LentCpu cpu) {
        for (int i = 0; i < REMEMBERED; i++) {
            if (remembered[i] == cpu.self) {
                return;
            }
        }
        remembered[nextRemembered] = cpu.self;
        nextRemembered = nextRemembered + 1 & REMEMBERED - 1;
    }

    /** Removes one CPU from those that are open, and all that are unreachable. Allocates nothing. */
    void forgetOpen(LentCpu one) {
        for (int i = open.size() - 1; i >= 0; i--) {
            LentCpu cpu = open.get(i).get();
            if (cpu == null || cpu == one) {
                open.remove(i);
            }
        }
    }

    /** Returns the CPUs of the calling thread if several may be in GUEST, some of a pool among them; otherwise null. */
    static @Nullable ThreadCpus ofPools() {
        // Each fault asks this, and most programs have no pool.
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
     * Makes the place for CPUs of the calling thread: {@link #remove} then needs no memory, whatever {@code add} does.
     */
    static void reserve() {
        make();
    }

    /** Adds a CPU to those of the calling thread. */
    static void add(CpuState cpu) {
        make().list(cpu);
    }

    /** Adds a CPU to those of this thread, which is the calling one. */
    void list(CpuState cpu) {
        forget(null);
        cpus.add(cpu.self);
    }

    /** Removes a CPU from those of the calling thread. Allocates nothing if the thread has a place for CPUs. */
    static void remove(CpuState cpu) {
        ThreadCpus own = CURRENT.get();
        if (own != null) {
            own.unlist(cpu);
        }
    }

    /** Removes a CPU from those of this thread, which is the calling one. Allocates nothing. */
    void unlist(CpuState cpu) {
        forget(cpu);
        endIfEmpty();
    }

    /** Removes one CPU, and all that are unreachable. Allocates nothing. */
    private void forget(@Nullable CpuState one) {
        for (int i = cpus.size() - 1; i >= 0; i--) {
            CpuState cpu = cpus.get(i).get();
            if (cpu == null || cpu == one) {
                cpus.remove(i);
            }
        }
    }

    /** Ends the list of the calling thread if it is empty. */
    static void giveUpReserve() {
        ThreadCpus own = CURRENT.get();
        if (own != null) {
            own.endIfEmpty();
        }
    }

    private void endIfEmpty() {
        if (!isKept && cpus.isEmpty() && borrowed == null) {
            CURRENT.remove();
        }
    }

    /** Runs an action on the calling thread that enters and leaves sections of a reader that belongs to no CPU. */
    static int readAs(RcuReader reader, IntSupplier what) {
        ThreadCpus own = make();
        RcuReader outer = own.borrowed;
        own.borrowed = reader;
        try {
            return what.getAsInt();
        } finally {
            own.borrowed = outer;
            own.endIfEmpty();
        }
    }

    /** Returns a CPU that is in GUEST, or null. One that is lost makes no access any more, and cannot leave GUEST. */
    @Nullable
    CpuState inGuest() {
        // By index, without an iterator: this runs before each operation of a thread that has CPUs.
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            if (cpu != null && cpu.isGuest() && !cpu.isLost()) {
                return cpu;
            }
        }
        return null;
    }

    /** Returns a CPU that is in GUEST and does not leave it by itself for a call that may wait; or null. */
    @Nullable
    CpuState inGuestForGood() {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            if (cpu != null && cpu.isGuest() && !cpu.isLost() && !cpu.leavesForCalls()) {
                return cpu;
            }
        }
        return null;
    }

    /** Has the CPUs leave GUEST that leave it by themselves for a call that may wait. */
    void leaveForCall() {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            if (cpu != null && cpu.isGuest() && cpu.leavesForCalls()) {
                cpu.leaveForCall();
            }
        }
    }

    /**
     * Counts a fault, within those that have begun before.
     *
     * @return its depth, which {@link #comeBack} takes
     */
    int beginFault() {
        return ++faults;
    }

    /** Has the CPUs leave GUEST that leave it by themselves for a fault of another CPU of the thread. */
    void leaveForFault(int depth) {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            if (cpu != null && cpu.isGuest()) {
                cpu.leaveForFault(depth);
            }
        }
    }

    /** Has those CPUs enter GUEST again that have left it for a fault that is over. */
    void comeBack(int depth) {
        faults = depth - 1;
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            if (cpu != null) {
                cpu.comeBack(depth);
            }
        }
    }

    /** Returns a CPU that is in a context, and not in GUEST; or null. */
    @Nullable
    CpuState inKernel(long context) {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            if (cpu != null && cpu.isInKernel(context)) {
                return cpu;
            }
        }
        return null;
    }

    /** Returns a reader that is in a section, other than a given one; or null. */
    @Nullable
    RcuReader inSection(@Nullable RcuReader passed) {
        for (int i = 0; i < cpus.size(); i++) {
            CpuState cpu = cpus.get(i).get();
            RcuReader reader = cpu == null ? null : cpu.reader();
            if (reader != null && reader != passed && reader.isReading()) {
                return reader;
            }
        }
        RcuReader reader = borrowed;
        return reader != null && reader != passed && reader.isReading() ? reader : null;
    }
}
