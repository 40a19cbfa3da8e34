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

    /** Its place in the pool; null if the pool has none for it. */
    IdleCpus.@Nullable IdlePlace place;

    /** The thread to which it is lent; null while it is idle. */
    @Nullable
    ThreadCpus thread;

    /** Another thread may read it, racily, to choose a CPU: it checks again once the CPU is lent to it. */
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
