// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
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
            MethodHandles.lookup(), "thread", VarHandle.class, CpuOwner.class, Thread.class);

    /**
     * Null while the CPU is handed over.
     *
     * <p>Written: the owner, when it hands the CPU over (null, release); a thread that claims it
     *     (compare-and-exchange); a thread to which a pool lends it (release).
     * Read: shooters, and a thread that searches for CPUs that are gone (acquire).
     * Pairs: {@code disown} (release) with {@code claim} (volatile): the new owner sees all that earlier owners did
     *     with the CPU, its TLB, its page table context and its listeners, whose fields are plain. {@code isDead} reads
     *     this field, then {@code Thread.isAlive}, then this field again. A thread that handed the CPU over did so
     *     before it ended, so the second read finds null or the next owner. The thread to which a pool lends the CPU is
     *     its only user, because of {@code idle} of {@code IdleCpus}, so its store pairs only with the reads of other
     *     threads.
     * Invariant: only one of several threads that claim a CPU becomes the owner. Null only outside GUEST, so no
     *     shootdown waits for a CPU without an owner. A thread that has ended owns its CPUs forever. The copies in
     *     {@code CpuMemory} and {@code CheckedMemory} are plain, because only the owner writes them. A thread finds
     *     itself there only if it claimed the CPU and has not handed it over since.
     */
    @SuppressWarnings("UnusedVariable") // through THREAD
    private @Nullable Thread thread = Thread.currentThread();

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
    }

    /** Returns the thread that owns the CPU; null while the CPU is handed over. */
    public @Nullable Thread thread() {
        // Pairs with disown, and with claim.
        return (Thread) THREAD.getAcquire(this);
    }

    /**
     * Makes the calling thread the owner, unless the CPU has one.
     *
     * @return the present owner of the CPU; null if the caller became the owner
     */
    public @Nullable Thread claim() {
        // Pairs with disown, and decides which of several threads becomes the owner.
        return (Thread) THREAD.compareAndExchange(this, (Thread) null, Thread.currentThread());
    }

    /** Makes the calling thread the owner of a CPU that has no owner and that no other thread can claim. */
    public void own() {
        // Release: pairs with thread. The caller is the only thread that got the CPU, and the actions of earlier owners
        // happened before this store.
        THREAD.setRelease(this, Thread.currentThread());
    }

    /** Leaves the CPU without an owner. Called by the owner. */
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
        Thread of = thread();
        // Read again, because the thread may have handed the CPU over before it ended. All its stores happen before
        // isAlive returns false. If it still is the owner, it remains the owner forever.
        return of != null && !of.isAlive() && of == thread();
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
