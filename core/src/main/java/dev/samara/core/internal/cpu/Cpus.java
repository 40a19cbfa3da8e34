// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.RcuReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** The CPUs of one machine that are online. Thread-safe. */
public final class Cpus {
    private final LazyContext.Maker lazy;
    private final DeadThreadCpus dead = new DeadThreadCpus(this::release);

    /**
     * The events of the CPUs that have gone offline, by kind.
     *
     * @written a thread that releases a CPU (monitor)
     * @read a thread that reads statistics (monitor)
     * @invariant with the counts of the CPUs in {@code online}, the counts of all CPUs that there have been
     */
    @GuardedBy("this")
    private final long[] ended = new long[CpuCounters.KINDS];

    /**
     * The CPUs by number; null for a free number. The array is never changed in place.
     *
     * @written a thread that claims or releases a CPU (monitor, volatile)
     * @read any thread, shooters above all (volatile)
     * @pairs with {@code generation} of {@code FlushGeneration}. A CPU that a shooter does not find here enters GUEST
     *     after that read, and then reads the generation
     * @invariant never changed in place
     */
    private volatile @Nullable CpuState[] online = {};

    /** Makes a table without CPUs, which keep in LAZY what {@link ShootdownLazy} says. */
    public Cpus() {
        this(ShootdownLazy::new);
    }

    /**
     * Makes a table without CPUs.
     *
     * @param lazy makes what each CPU keeps in LAZY
     */
    public Cpus(LazyContext.Maker lazy) {
        this.lazy = lazy;
    }

    /** Returns the CPUs by number; null for a free number. The caller only reads the array. */
    @Nullable
    CpuState[] online() {
        return online;
    }

    /**
     * Takes a CPU online for the calling thread, in KERNEL state with the empty space. Also takes CPUs that are gone
     * offline.
     *
     * @param owner the owner of the CPU: the calling thread
     * @param name the number of the CPU in reports and for the delivery of requests
     * @param flush the CPU's flushes on its own thread
     * @return the CPU, with the lowest free number
     */
    public CpuState claim(CpuOwner owner, int name, OwnerTlb flush) {
        releaseDead();
        CpuState cpu;
        synchronized (this) {
            @Nullable CpuState[] known = online;
            int number = 0;
            while (number < known.length && known[number] != null) {
                number++;
            }
            @Nullable CpuState[] more = Arrays.copyOf(known, Math.max(known.length, number + 1));
            cpu = new CpuState(number, name, owner, flush, lazy.make());
            more[number] = cpu;
            // Before the CPU is online, since this may fail for want of memory.
            ThreadCpus.add(cpu);
            online = more;
        }
        return cpu;
    }

    /**
     * Takes a CPU from those of the calling thread, which hands it over. The CPU stays online.
     *
     * @param cpu a CPU of the calling thread that is not in GUEST
     */
    public void disown(CpuState cpu) {
        ThreadCpus.remove(cpu);
    }

    /** Lets a failed {@link #own} of the calling thread be undone by {@link #disown} without memory. */
    public static void reserveOwner() {
        ThreadCpus.reserve();
    }

    /** Gives up what {@link #reserveOwner} has reserved, if the calling thread has no CPU. */
    public static void giveUpReserve() {
        ThreadCpus.giveUpReserve();
    }

    /**
     * Adds a CPU to those of the calling thread, which has claimed it.
     *
     * @param cpu a CPU that is online, and of no other thread
     */
    public void own(CpuState cpu) {
        ThreadCpus.add(cpu);
    }

    /**
     * Returns the CPUs that are in a context.
     *
     * @param context the context of a space
     * @return descriptions of the CPUs, for messages; at least one
     */
    public List<String> usersOf(TlbContext context) {
        List<String> users = new ArrayList<>(1);
        for (CpuState cpu : online) {
            if (cpu != null && cpu.isIn(context.id())) {
                users.add(cpu.toString());
            }
        }
        return users.isEmpty() ? List.of("a CPU that has come and gone meanwhile") : users;
    }

    /** Takes the CPUs that are gone offline, so that they no longer count as users of a space. */
    public void releaseDead() {
        dead.release(online);
    }

    /** Takes a CPU offline if it is gone; returns whether it is gone. For a thread that waits for its answer. */
    boolean stopIfDead(CpuState cpu) {
        return dead.stopIfDead(cpu);
    }

    /**
     * Begins the teardown of a context: CPUs in LAZY that only the users kept on it lose it. Each CPU is checked once.
     *
     * @param ended a context that has ended
     * @return a CPU that was in the context when it was checked, or null if there was none
     */
    public @Nullable CpuState beginTeardown(TlbContext ended) {
        CpuState user = null;
        for (CpuState cpu : online) {
            if (cpu != null) {
                cpu.lazy().beforeTeardown(ended);
                if (cpu.isIn(ended.id())) {
                    user = cpu;
                }
            }
        }
        return user;
    }

    /**
     * Ends the teardown of a context: CPUs in LAZY that keep it without a reference get one. The caller then gives up
     * the reference of the users. A second call does nothing.
     *
     * @param ended a context that is torn down
     */
    public void endTeardown(TlbContext ended) {
        releaseDead();
        for (CpuState cpu : online) {
            if (cpu != null) {
                // The teardown of a space in which nothing was mapped has had no gather.
                cpu.lazy().beforeTeardown(ended);
                cpu.lazy().afterTeardown(ended);
            }
        }
    }

    /**
     * Takes a CPU offline. Cpumasks may still name its number. Called on the CPU's thread, which then ends the spaces
     * that the CPU has {@linkplain CpuOwner#left left}; or on any thread once the CPU is gone.
     *
     * @param cpu a CPU that is not in GUEST, or is gone
     */
    public void release(CpuState cpu) {
        if (!take(cpu)) {
            return;
        }
        try {
            // Without the monitor: this may release a page table, begin a teardown, or call the reporter. It may wait
            // for memory for a task.
            cpu.endKept();
            if (cpu.isGone()) {
                // Not by its own call. This thread may be in a shootdown, for which a teardown could have to wait.
                cpu.endGone();
            }
            remove(cpu);
        } finally {
            // No method call: at the end of the stack. A CPU that is listed still is taken again.
            synchronized (this) {
                cpu.isTaken = false;
            }
        }
        if (cpu.owner() == Thread.currentThread()) {
            ThreadCpus.remove(cpu);
        }
    }

    /**
     * Stops a CPU. Of several threads that find it gone, the one that gets true ends what it has.
     *
     * @return false if another thread does so, or the CPU is not listed any more
     */
    private synchronized boolean take(CpuState cpu) {
        if (online[cpu.number()] != cpu || cpu.isTaken) {
            return false;
        }
        cpu.offline();
        cpu.isTaken = true;
        return true;
    }

    private synchronized void remove(CpuState cpu) {
        @Nullable CpuState[] fewer = online.clone();
        fewer[cpu.number()] = null;
        for (int kind = 0; kind < ended.length; kind++) {
            ended[kind] += cpu.counters().count(kind);
        }
        online = fewer;
    }

    /**
     * Checks that no other thread waits for the calling thread, which is about to begin a call that may wait. Called
     * before the call changes anything. CPUs that leave GUEST by themselves for such a call do so here.
     *
     * @param what the name of the call, for messages
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or a reader of the thread is in a section; or
     *     from {@link NoWaiting#check}, which is called first and has the refusal reported
     */
    public static void checkMayWait(String what) {
        checkMayWait(what, null);
    }

    /**
     * Checks that no other thread waits for the calling thread. One section is excepted: the caller leaves it before it
     * waits.
     *
     * @param what the name of the call, for messages
     * @param own the reader of the section; null for none
     * @throws IllegalStateException if a CPU of the thread is in GUEST, or another reader of the thread is in a
     *     section; or as {@link NoWaiting#check}
     */
    public static void checkMayWait(String what, @Nullable RcuReader own) {
        NoWaiting.check(what);
        ThreadCpus thread = ThreadCpus.current();
        if (thread == null) {
            return;
        }
        CpuState cpu = thread.inGuestForGood();
        if (cpu != null) {
            throw new IllegalStateException(what + " was called while " + cpu
                    + " is in GUEST: it has to leave it first, because others may wait for it");
        }
        RcuReader reader = thread.inSection(own);
        if (reader != null) {
            throw new IllegalStateException(what + " was called in a reader section of " + reader
                    + ", which must not wait for anything: every grace period waits for its end");
        }
        // Last: a call that is refused has left nothing.
        thread.leaveForCall();
    }

    /**
     * Counts a fault of a CPU of the calling thread, which is about to be handled.
     *
     * @return what {@link #leaveForFault} takes, and {@link #comeBack} after the fault; 0 if the thread has no other
     *     CPU, or none of a pool: both do nothing then
     */
    public static int beginFault() {
        ThreadCpus thread = ThreadCpus.ofPools();
        return thread == null ? 0 : thread.beginFault();
    }

    /** Has the other CPUs of the calling thread leave GUEST that do so by themselves. Allocates nothing. */
    public static void leaveForFault(int depth) {
        ThreadCpus thread = depth == 0 ? null : ThreadCpus.current();
        if (thread != null) {
            thread.leaveForFault(depth);
        }
    }

    /** Has those CPUs enter GUEST again that have left it for a fault, which is over. */
    public static void comeBack(int depth) {
        ThreadCpus thread = depth == 0 ? null : ThreadCpus.current();
        if (thread != null) {
            thread.comeBack(depth);
        }
    }

    /**
     * Returns whether the calling thread may wait: no CPU of the thread is in GUEST, and no reader of the thread is in
     * a section.
     */
    public static boolean mayWait() {
        ThreadCpus thread = ThreadCpus.current();
        return thread == null || (thread.inGuest() == null && thread.inSection(null) == null);
    }

    /**
     * Faults pages in on the calling thread with a reader that belongs to no CPU. {@link #checkMayWait} also checks
     * that reader meanwhile.
     *
     * @param reader the reader of a borrowed page-table context
     * @param faults handles the faults, in reader sections of {@code reader}
     * @return the result of {@code faults}
     */
    public static int readAs(RcuReader reader, IntSupplier faults) {
        return ThreadCpus.readAs(reader, faults);
    }

    /**
     * Adds up the events of all CPUs, those that have gone offline included.
     *
     * @return the numbers by the kinds of {@link CpuCounters}
     */
    public long[] counts() {
        // Under the monitor, so that no CPU goes offline between the two sums.
        synchronized (this) {
            long[] sums = ended.clone();
            for (CpuState cpu : online) {
                for (int kind = 0; cpu != null && kind < sums.length; kind++) {
                    sums[kind] += cpu.counters().count(kind);
                }
            }
            return sums;
        }
    }

    /**
     * Adds up the events of a space. The events of a CPU that goes to another space during this call may be missing.
     *
     * @param context the context of the space
     * @return the numbers by the kinds of {@link SpaceCounters}
     */
    public long[] countsOf(TlbContext context) {
        long[] sums = new long[SpaceCounters.KINDS];
        for (int kind = 0; kind < sums.length; kind++) {
            sums[kind] = context.counters().count(kind);
        }
        for (CpuState cpu : online) {
            if (cpu != null && cpu.isIn(context.id())) {
                for (int kind = 0; kind < CpuCounters.KINDS; kind++) {
                    sums[kind] += cpu.counters().countInSpace(kind);
                }
            }
        }
        return sums;
    }
}
