// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The owner of one CPU: its thread, and whether any thread can still use the CPU. Thread-safe.
 *
 * <p>A CPU is <em>dead</em> if its thread has ended, and <em>lost</em> if no thread can reach its object any more. It
 * is <em>gone</em> if it is dead or lost. Then it does not acknowledge requests, and does not leave its space on its
 * own. Other threads release all that it holds: its number and its space ({@link Cpus#releaseDead}), its page table
 * context, and its borrow. All of them query this object.
 *
 * <p>An object may be unreachable while one of its methods runs. So each method that ends with a change of the CPU, or
 * with an access to guest memory, executes a {@link java.lang.ref.Reference#reachabilityFence} there. So when a CPU is
 * lost, no method of it is running.
 */
public final class CpuOwner {
    private static final VarHandle THREAD = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "thread", VarHandle.class, CpuOwner.class, WeakReference.class);

    private static final VarHandle IDLE = ConstantBootstraps.fieldVarHandle(
            MethodHandles.lookup(), "isIdle", VarHandle.class, CpuOwner.class, boolean.class);

    /**
     * The thread that owns the CPU, or that owned it last while it is idle in a pool. Null while the CPU is handed
     * over. A weak reference, because an idle CPU must not keep an ended thread reachable; always the same one for a
     * thread that uses pools, so that a loan to the same thread stores nothing here. A store of a reference into an old
     * object takes longer than all other steps of a loan together with some collectors.
     *
     * <p>Written: the owner, when it hands the CPU over (null, release); a thread that claims it
     *     (compare-and-exchange); a thread to which a pool lends it, unless it was the last owner (release).
     * Read: shooters, and a thread that searches for CPUs that are gone (acquire).
     * Pairs: {@code disown} (release) with {@code claim} (volatile): the new owner sees all that earlier owners did
     *     with the CPU, its TLB, its page table context and its listeners, whose fields are plain. {@code isDead} reads
     *     this field, then {@code Thread.isAlive}, then {@code isIdle}, then this field again. A thread that handed the
     *     CPU over, or gave it back, did so before it ended. So after {@code isAlive} returned false, it finds null,
     *     or an idle CPU, or the next owner. The thread to which a pool lends the CPU is its only user, because of
     *     {@code idle} of {@code IdleCpus}, so its store pairs only with the reads of other threads.
     * Invariant: only one of several threads that claim a CPU becomes the owner. Null or idle only outside GUEST, so no
     *     shootdown waits for a CPU without an owner. A thread that has ended owns its CPUs forever. A thread finds
     *     itself here, in a CPU that is not idle, only if it claimed the CPU, or a pool lent the CPU to it, and it has
     *     neither handed it over nor given it back since.
     */
    private @Nullable WeakReference<Thread> thread;

    /**
     * Whether the CPU is idle in a pool, and has no owner, whatever {@code thread} contains.
     *
     * <p>Written: the owner, when it gives the CPU back (true, release); a thread to which a pool lends it (false,
     *     release).
     * Read: any thread (acquire).
     * Pairs: {@code own} stores {@code thread} before it stores false here, and {@code isMine} and {@code isDead} read
     *     this field before {@code thread}: a thread that finds the CPU not idle any more finds the next owner, or a
     *     later one. So the last owner does not take the CPU for its own, and its end does not take the CPU from the
     *     next one.
     * Invariant: true only outside GUEST, while no thread may use the CPU. A thread that gave the CPU back reads its own
     *     store, or a later one.
     */
    @SuppressWarnings("UnusedVariable") // through IDLE
    private boolean isIdle;

    /**
     * The spaces that the CPU left as their last user, until their teardowns are started, linked by their own fields,
     * the latest first. Used by the CPU's thread, and by the thread that takes the CPU offline after it is gone. This
     * list outlives the CPU's TLBs.
     */
    private @Nullable TlbContext left;

    private final ReferenceQueue<Object> unreachable = new ReferenceQueue<>();

    /** A phantom reference, because an object with a finalizer may make the CPU reachable again. */
    @SuppressWarnings("UnusedVariable") // has to be reachable to come into the queue
    private final PhantomReference<Object> cpu;

    private final Consumer<String> reporter;

    /**
     * Written: a thread that takes the phantom reference to the CPU out of its queue (volatile).
     * Read: any thread (volatile).
     * Pairs: the reachability fences of the CPU's thread with the clearing of the reference by the collector, which
     *     precedes the enqueuing of the reference: all that the thread did with the CPU happens before the finder takes
     *     it offline.
     * Invariant: never reset. True only once no thread can use the CPU.
     */
    volatile boolean isLost;

    /** Whether the lost CPU was reported. Used by one thread at a time, which takes the CPU offline. */
    private boolean isReported;

    /**
     * Makes the calling thread the owner of a CPU.
     *
     * @param cpu the object without which no thread can use the CPU; the CPU is lost when it becomes unreachable
     * @param reporter is called with the report of a lost CPU; must not throw, and must not keep the CPU reachable
     */
    public CpuOwner(Object cpu, Consumer<String> reporter) {
        this.cpu = new PhantomReference<>(cpu, unreachable);
        this.reporter = reporter;
        thread = ThreadCpus.token();
    }

    /** Returns whether the calling thread owns the CPU. */
    public boolean isMine() {
        return thread() == Thread.currentThread();
    }

    /** Returns the thread that owns the CPU; null while the CPU has no owner, or if the thread is unreachable. */
    public @Nullable Thread thread() {
        // Pairs with own, and is read first: see isIdle.
        boolean isUnowned = (boolean) IDLE.getAcquire(this);
        WeakReference<Thread> of = isUnowned ? null : token();
        return of == null ? null : of.get();
    }

    @SuppressWarnings("unchecked") // the type of the field
    private @Nullable WeakReference<Thread> token() {
        // Pairs with disown, and with claim.
        return (WeakReference<Thread>) THREAD.getAcquire(this);
    }

    /**
     * Makes the calling thread the owner of a CPU that was handed over, unless another thread is.
     *
     * @return whether the caller became the owner
     */
    public boolean claim() {
        // Pairs with disown, and decides which of several threads becomes the owner.
        return THREAD.compareAndSet(this, (WeakReference<Thread>) null, ThreadCpus.token());
    }

    /** Makes the calling thread the owner of an idle CPU that no other thread can take. */
    public void own() {
        own(ThreadCpus.token());
    }

    /** Makes the calling thread the owner of an idle CPU that no other thread can take. */
    void own(WeakReference<Thread> caller) {
        if (thread != caller) {
            // Release: pairs with thread. The caller is the only thread that got the CPU, and the actions of earlier
            // owners happened before this store.
            THREAD.setRelease(this, caller);
        }
        // Release: after the thread. Pairs with isMine and with isDead.
        IDLE.setRelease(this, false);
    }

    /** Leaves the CPU without an owner until a pool lends it. Called by the owner. */
    public void rest() {
        // Release: after all that the thread did with the CPU. Pairs with isDead.
        IDLE.setRelease(this, true);
    }

    /** Leaves the CPU without an owner until a thread claims it. Called by the owner. */
    public void disown() {
        // Release: after all that the thread did with the CPU. Pairs with claim.
        THREAD.setRelease(this, null);
    }

    /** Adds a space of which the CPU was the last user. */
    void left(TlbContext of) {
        of.nextLeft = left;
        left = of;
    }

    /**
     * Tears down the spaces that the CPU left as their last user. Called after each transition of the CPU out of a
     * space, when the CPU is completely in its new state.
     *
     * @param isNow whether this thread tears them down if it may wait; otherwise, a thread of the machine does
     */
    public void endLeft(boolean isNow) {
        for (TlbContext of = left; of != null; of = left) {
            // Removed first, because a callback of the teardown may move this CPU.
            left = of.nextLeft;
            try {
                if (isNow) {
                    of.end();
                } else {
                    of.endLater();
                }
            } catch (Throwable thrown) {
                // Calls no method, because the stack may be exhausted. The next transition starts the teardown,
                // unless it was already started.
                of.nextLeft = left;
                left = of;
                throw thrown;
            }
        }
    }

    /** Returns whether no thread can use the CPU any more. If so, all that threads did with it is visible. */
    public boolean isGone() {
        return isDead() || isLost();
    }

    /** Returns whether the thread of the CPU has ended. It then remains the owner forever. */
    public boolean isDead() {
        WeakReference<Thread> of = token();
        if (of == null) {
            return false;
        }
        Thread owner = of.get();
        // A thread that is unreachable never runs again. Read again, because the thread may have handed the CPU over,
        // or given it back, before it ended. All its stores happen before isAlive returns false. If it still is the
        // owner, it remains the owner forever.
        return (owner == null || !owner.isAlive()) && !(boolean) IDLE.getAcquire(this) && of == token();
    }

    /** Returns whether no thread can reach the object of the CPU any more. */
    public boolean isLost() {
        // Determined from the queue and not from the reference, because all that precedes a reachability fence happens
        // before the reference is polled from the queue.
        if (!isLost && unreachable.poll() != null) {
            isLost = true;
        }
        return isLost;
    }

    /**
     * Reports a lost CPU, once. A CPU whose thread has ended is not reported, because that is not a mistake of the
     * embedder.
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
