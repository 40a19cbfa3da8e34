// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The CPUs of one machine that are online. Thread-safe. */
public final class Cpus {
    private final Supplier<LazyContext> lazy;

    /**
     * The number of events of the CPUs that went offline, by kind.
     *
     * <p>Written: a thread that releases a CPU (monitor).
     * Read: a thread that reads statistics (monitor).
     * Invariant: together with the counts of the CPUs in {@code online}, the counts of all CPUs that ever existed.
     */
    @GuardedBy("this")
    private final long[] ended = new long[CpuCounters.KINDS];

    /**
     * The CPUs by number; null for a free number. The array is never changed in place.
     *
     * <p>Written: a thread that claims or releases a CPU (monitor, volatile).
     * Read: any thread, shooters above all (volatile).
     * Pairs: with {@code generation} of {@code TlbContext}. A CPU that a shooter does not find here enters GUEST
     *     after that read, and then reads the generation.
     * Invariant: never changed in place.
     */
    private volatile @Nullable CpuState[] online = {};

    /**
     * Creates a table without CPUs.
     *
     * @param lazy creates the object for what a CPU keeps in LAZY, once per CPU
     */
    public Cpus(Supplier<LazyContext> lazy) {
        this.lazy = lazy;
    }

    /** Returns the CPUs by number; null for a free number. The caller must not change the array. */
    @Nullable
    CpuState[] online() {
        return online;
    }

    /**
     * Brings a CPU online for the calling thread, in KERNEL in the empty space. Also takes CPUs that are gone offline.
     *
     * @param owner the owner of the CPU, which is the calling thread
     * @param name the number of the CPU in reports and for the delivery of requests
     * @param tlb the TLB, which the CPU's thread uses. It is not kept reachable, because it refers to the CPU, which
     *     would then never be lost
     * @return the CPU, with the lowest free number
     */
    public CpuState claim(CpuOwner owner, int name, WeakReference<? extends CpuState.OwnerTlb> tlb) {
        releaseDead();
        CpuState cpu;
        synchronized (this) {
            @Nullable CpuState[] known = online;
            int number = 0;
            while (number < known.length && known[number] != null) {
                number++;
            }
            @Nullable CpuState[] more = Arrays.copyOf(known, Math.max(known.length, number + 1));
            cpu = new CpuState(number, name, owner, tlb, lazy.get());
            more[number] = cpu;
            // Called before the CPU is online, because this may fail if there is no memory.
            ThreadCpus.add(cpu);
            online = more;
        }
        return cpu;
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
            if (cpu != null && cpu.isIn(context.id)) {
                users.add(cpu.toString());
            }
        }
        return users.isEmpty() ? List.of("a CPU that entered and left concurrently") : users;
    }

    /**
     * Takes offline the CPUs that are {@linkplain CpuOwner gone}, so that they no longer count as users of a space.
     * Calls that need a free CPU number, or a space without users, do this first.
     */
    public void releaseDead() {
        for (CpuState cpu : online) {
            if (cpu != null && cpu.isGone()) {
                release(cpu);
            }
        }
    }

    /**
     * Takes a CPU offline if it is gone, for a thread that waits for its acknowledgement: such a CPU does not
     * acknowledge, and does not leave its space by itself. If there is no memory for the remaining steps, the CPU still
     * stops using translations; the next check executes these steps.
     *
     * @return whether the CPU is gone, so that no acknowledgement is needed
     */
    boolean stopIfDead(CpuState cpu) {
        if (!cpu.isGone()) {
            return false;
        }
        try {
            release(cpu);
            return true;
        } catch (OutOfMemoryError exhausted) {
            return cpu.isOffline();
        }
    }

    /**
     * Starts the teardown of a context: CPUs in LAZY for which only the users kept it alive lose it. Each CPU is
     * checked once.
     *
     * @param ended a context that has ended
     * @return a CPU that was in the context when it was checked, or null if there was none
     */
    public @Nullable CpuState beginTeardown(TlbContext ended) {
        CpuState user = null;
        for (CpuState cpu : online) {
            if (cpu != null) {
                cpu.lazy.beforeTeardown(ended);
                if (cpu.isIn(ended.id)) {
                    user = cpu;
                }
            }
        }
        return user;
    }

    /**
     * Ends the teardown of a context: CPUs in LAZY that keep it without a reference get a reference. The caller then
     * releases the reference of the users. A second call does nothing.
     *
     * @param ended a context that is torn down
     */
    public void endTeardown(TlbContext ended) {
        releaseDead();
        for (CpuState cpu : online) {
            if (cpu != null) {
                // Repeated here, because the teardown of a space in which nothing was mapped has no gather.
                cpu.lazy.beforeTeardown(ended);
                cpu.lazy.afterTeardown(ended);
            }
        }
    }

    /**
     * Takes a CPU offline. Cpumasks may still name its number. Called on the CPU's thread, which then ends the spaces
     * that the CPU {@linkplain CpuOwner#endLeft left}; or on any thread if the CPU is gone.
     *
     * @param cpu a CPU that is not in GUEST, or is gone
     */
    public void release(CpuState cpu) {
        if (!take(cpu)) {
            return;
        }
        try {
            // Called without the monitor, because this may release a page table, start a teardown, or call the
            // reporter. It may wait until there is memory for a task.
            cpu.lazy.drop();
            if (cpu.isGone()) {
                // Torn down by another thread, because this thread may be in a shootdown for which the teardown might
                // have to wait.
                cpu.endGone();
            }
            remove(cpu);
        } finally {
            // Calls no method, because the stack may be exhausted. A CPU that is still listed can be taken again.
            synchronized (this) {
                cpu.isTaken = false;
            }
        }
        if (cpu.owner() == Thread.currentThread()) {
            ThreadCpus.remove(cpu);
        }
    }

    /**
     * Stops a CPU. If several threads find it gone, the thread for which this returns true releases what the CPU holds.
     *
     * @return false if another thread does so, or if the CPU is not listed any more
     */
    private synchronized boolean take(CpuState cpu) {
        if (online[cpu.number] != cpu || cpu.isTaken) {
            return false;
        }
        cpu.offline();
        cpu.isTaken = true;
        return true;
    }

    private synchronized void remove(CpuState cpu) {
        @Nullable CpuState[] fewer = online.clone();
        fewer[cpu.number] = null;
        for (int kind = 0; kind < ended.length; kind++) {
            ended[kind] += cpu.counters.count(kind);
        }
        online = fewer;
    }

    /**
     * Adds up the events of all CPUs, including CPUs that went offline.
     *
     * @return the numbers by the kinds of {@link CpuCounters}
     */
    public long[] counts() {
        // Under the monitor, so that no CPU goes offline between the two sums.
        synchronized (this) {
            long[] sums = ended.clone();
            for (CpuState cpu : online) {
                for (int kind = 0; cpu != null && kind < sums.length; kind++) {
                    sums[kind] += cpu.counters.count(kind);
                }
            }
            return sums;
        }
    }

    /**
     * Adds up the events of a space. The events of a CPU that switches to another space during this call may be
     * missing.
     *
     * @param context the context of the space
     * @return the numbers by the kinds of {@link TlbContext}
     */
    public long[] countsOf(TlbContext context) {
        long[] sums = new long[TlbContext.KINDS];
        for (int kind = 0; kind < sums.length; kind++) {
            sums[kind] = context.count(kind);
        }
        for (CpuState cpu : online) {
            if (cpu != null && cpu.isIn(context.id)) {
                for (int kind = 0; kind < CpuCounters.KINDS; kind++) {
                    sums[kind] += cpu.counters.countInSpace(kind);
                }
            }
        }
        return sums;
    }
}
