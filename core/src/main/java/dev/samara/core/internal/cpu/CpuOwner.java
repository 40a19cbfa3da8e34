// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The thread that owns one CPU, and whether a thread can use the CPU still. Thread-safe.
 *
 * <p>A CPU is <em>dead</em> if its thread has ended, and <em>lost</em> if no thread can reach its object any more.
 * It is <em>gone</em> if it is dead or lost. Then it answers no request, and leaves no space by itself. Other threads
 * give up all that it has: its number and its space ({@link DeadThreadCpus}), its page table context, and its borrow.
 * All of them ask this object.
 *
 * <p>An object may be unreachable while one of its methods runs. So each method that ends with a change of the CPU, or
 * with an access to guest memory, has a fence there ({@link java.lang.ref.Reference#reachabilityFence}). No method of a
 * lost CPU runs then.
 */
public final class CpuOwner {
    private static final VarHandle THREAD;

    static {
        try {
            THREAD = MethodHandles.lookup().findVarHandle(CpuOwner.class, "thread", Thread.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /**
     * Null while the CPU is handed over.
     *
     * @written the owner, when it hands the CPU over (null, release); a thread that claims it (compare-and-exchange); a
     *     thread to which a pool lends it (release)
     * @read shooters, and a thread that looks for CPUs that are gone (acquire)
     * @pairs {@code disown} (release) with {@code claim} (volatile): the new owner sees all that earlier owners have
     *     done with the CPU, its TLB, its page-table context and its listeners, whose fields are plain. {@code isDead}
     *     reads it, {@code Thread.isAlive}, then reads it again. A thread that handed the CPU over did so before it
     *     ended, so the second read finds null or the next owner. The thread to which a pool lends the CPU has it
     *     alone, by {@code idle} of {@code IdleCpus}: it pairs with the reads of others only
     * @invariant of several threads that claim a CPU one becomes the owner. Null only outside GUEST, so no shootdown
     *     waits for a CPU without owner. A thread that has ended owns its CPUs for ever. The copies in {@code
     *     CpuMemory} and {@code CheckedMemory} are plain: the owner alone writes them. A thread finds itself there only
     *     if it has claimed the CPU and not handed it over since
     */
    @SuppressWarnings("UnusedVariable") // through THREAD
    private @Nullable Thread thread = Thread.currentThread();

    private final PendingTeardowns left = new PendingTeardowns();
    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    /** A phantom, since an object with a finalizer may make the CPU reachable again. */
    @SuppressWarnings("UnusedVariable") // has to be reachable to come into the queue
    private final PhantomReference<Object> cpu;

    private final Consumer<String> reporter;

    /**
     * @written a thread that takes the phantom reference to the CPU out of its queue (volatile)
     * @read any thread (volatile)
     * @pairs the reachability fences of the CPU's thread with the clearing of the reference by the collector, which
     *     precedes its queue: all that the thread did with the CPU comes before the end that the finder makes
     * @invariant never reset. True only once no thread can use the CPU
     */
    volatile boolean isLost;

    /** Used by one thread at a time: the one that takes the CPU offline. */
    private boolean isReported;

    /**
     * Makes the calling thread the owner of a CPU.
     *
     * @param cpu the object without which no thread can use the CPU
     * @param reporter is given the report of a lost CPU; must not throw, and must not keep the CPU reachable
     */
    public CpuOwner(Object cpu, Consumer<String> reporter) {
        this.cpu = new PhantomReference<>(cpu, unreachable);
        this.reporter = reporter;
    }

    /** Returns the thread that owns the CPU; null while the CPU is handed over. */
    public @Nullable Thread thread() {
        // Pairs with disown, and with claim.
        return (Thread) THREAD.getAcquire(this);
    }

    /**
     * Makes the calling thread the owner, unless the CPU has one.
     *
     * @return the owner that the CPU has; null if the caller is the owner now
     */
    public @Nullable Thread claim() {
        // Pairs with disown, and decides among several threads.
        return (Thread) THREAD.compareAndExchange(this, (Thread) null, Thread.currentThread());
    }

    /** Makes the calling thread the owner of a CPU that has none, and that no other thread can claim. */
    public void own() {
        // Release: pairs with thread. The caller got the CPU alone, and what earlier owners did came before that.
        THREAD.setRelease(this, Thread.currentThread());
    }

    /** Leaves the CPU without an owner. Called by the owner. */
    public void disown() {
        // Release: after all that the thread has done with the CPU. Pairs with claim.
        THREAD.setRelease(this, null);
    }

    /** Returns the spaces that the CPU has left as their last user: they outlive its TLBs. */
    public PendingTeardowns left() {
        return left;
    }

    /** Returns whether no thread can use the CPU any more. All that threads have done with it is visible then. */
    public boolean isGone() {
        return isDead() || isLost();
    }

    /** Returns whether the thread of the CPU has ended. It is the owner for ever then. */
    public boolean isDead() {
        Thread of = thread();
        // Read again: the thread may have handed the CPU over before it ended. All its stores precede isAlive. If it is
        // the owner still, it is the owner for ever.
        return of != null && !of.isAlive() && of == thread();
    }

    /** Returns whether no thread can reach the object of the CPU any more. */
    public boolean isLost() {
        // By the queue, and not by the reference: all that precedes a reachability fence happens before the reference
        // comes out of the queue.
        if (!isLost && unreachable.poll() != null) {
            isLost = true;
        }
        return isLost;
    }

    /**
     * Reports a CPU that is lost, once. The end of a thread is no fault of the embedder.
     *
     * @param description the CPU and its thread
     */
    void reportIfLost(Object description) {
        if (!isReported && !isDead() && isLost()) {
            reporter.accept(description + " became unreachable and was not closed; it is taken offline");
            isReported = true;
        }
    }
}
