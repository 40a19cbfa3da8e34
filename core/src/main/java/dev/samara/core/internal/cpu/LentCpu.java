// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.ref.WeakReference;
import org.jspecify.annotations.Nullable;

/**
 * A CPU that {@link IdleCpus} lend to one thread at a time. While it is idle, a place of the pool keeps it reachable.
 * While it is lent, only its thread does, so a CPU that its thread forgets is found lost. The fields are for the
 * thread to which the CPU is lent.
 */
public abstract class LentCpu {
    /** By which threads remember it: nothing is allocated each time that it is lent. */
    final WeakReference<LentCpu> self = new WeakReference<>(this);

    private final CpuOwner owner;

    /**
     * Its place in the pool; null if the pool has none for it.
     *
     * @written the thread to which the CPU is lent (plain)
     * @read this thread; threads that have found the CPU idle, or remember it (plain)
     * @invariant written once before another thread knows the CPU, and cleared when it ends. Racy, benign because a CPU
     *     that has ended is in no place, so the compare-and-set fails
     */
    IdleCpus.@Nullable IdlePlace place;

    /**
     * The thread to which it is lent; null while it is idle.
     *
     * @written the thread to which the CPU is lent, before it uses the CPU and before it puts it back (plain)
     * @read this thread
     * @pairs by {@code idle} of {@code IdleCpus}, with which the CPU passes from thread to thread
     * @invariant the CPUs of the thread to which this one is lent; null while it is idle
     */
    @Nullable
    ThreadCpus thread;

    /**
     * Another thread may read it, racily, to choose a CPU: it checks again once the CPU is lent to it.
     *
     * @written the thread to which the CPU is lent (plain)
     * @read this thread; threads that look for an idle CPU (plain)
     * @invariant the space in which the CPU is, for its thread. For others racy, benign because each looks again once
     *     it has taken the CPU. A thread that closes the last reference looks at an idle CPU only: the store came
     *     before the word of its place, which it has read
     */
    private @Nullable Object space;

    /**
     * Makes a CPU that is lent to the calling thread, and has no place yet.
     *
     * @param owner the owner of the CPU
     */
    protected LentCpu(CpuOwner owner) {
        this.owner = owner;
    }

    CpuOwner owner() {
        return owner;
    }

    /** Adds its part that other CPUs see to the CPUs of the thread to which it is lent. */
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

    /** Returns whether it is in a space. */
    public final boolean isIn(Object wanted) {
        return space == wanted;
    }

    /**
     * Notes the space to which it has gone.
     *
     * @param next an object that stands for the space; null for none
     */
    public final void isNowIn(@Nullable Object next) {
        space = next;
    }

    /** Returns whether the pool has a place for it. */
    public final boolean hasPlace() {
        return place != null;
    }
}
