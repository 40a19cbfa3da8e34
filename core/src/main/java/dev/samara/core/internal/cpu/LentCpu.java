// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.ref.WeakReference;
import org.jspecify.annotations.Nullable;

/**
 * A CPU that {@link IdleCpus} lends to one thread at a time. While it is idle, a place of the pool keeps it reachable.
 * While it is lent, only its thread keeps it reachable, so a CPU that its thread drops is detected as lost. The fields
 * are used by the thread to which the CPU is lent.
 */
public abstract class LentCpu {
    /**
     * The reference through which threads remember this CPU. Created once, so that nothing is allocated when the CPU is
     * lent.
     */
    final WeakReference<LentCpu> self = new WeakReference<>(this);

    private final CpuOwner owner;

    /**
     * The place of this CPU in the pool; null if the pool has no place for it.
     *
     * <p>Written: the thread to which the CPU is lent (plain).
     * Read: this thread; threads that found the CPU idle, or remember it (plain).
     * Invariant: written once before another thread knows the CPU, and cleared when it ends. Racy, benign because a
     *     thread that reads the place of an ended CPU fails in {@code IdlePlace.take}: no place contains an ended CPU.
     */
    IdleCpus.@Nullable IdlePlace place;

    /**
     * The CPUs of the thread to which this CPU is lent. An idle CPU keeps the value, so that the same thread need not
     * store it again.
     *
     * <p>Written: the thread to which the CPU is lent, before it uses the CPU (plain).
     * Read: this thread.
     * Pairs: by {@code idle} of {@code IdleCpus}, with which the CPU passes from thread to thread.
     * Invariant: while the CPU is lent for use, and not only to be ended, the CPUs of its thread.
     */
    @Nullable
    ThreadCpus thread;

    /**
     * The space of this CPU. Another thread may read it, racily, to choose a CPU; it checks again after the CPU is lent
     * to it.
     *
     * <p>Written: the thread to which the CPU is lent (plain).
     * Read: this thread; threads that search for an idle CPU (plain).
     * Invariant: for the CPU's thread, the space that the CPU is in. For other threads racy, benign because each checks
     *     again after it has taken the CPU. The thread that closes the last reference reads this field only if the CPU
     *     is idle: it first reads the CPU from {@code IdlePlace.idle} (volatile), and the thread to which the CPU was
     *     lent last stored {@code space} before it put the CPU there.
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

    CpuOwner owner() {
        return owner;
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

    /** Makes the CPUs of the thread leave GUEST, if they do so by themselves for calls. */
    protected final void othersLeaveForCall() {
        ThreadCpus of = thread;
        if (of != null) {
            of.leaveFor(OwnerTlb.FOR_CALL);
        }
    }

    /** Returns whether the CPU is in a space. */
    public final boolean isIn(Object wanted) {
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
