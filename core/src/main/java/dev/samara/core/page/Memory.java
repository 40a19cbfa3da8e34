// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.page;

import dev.samara.core.cpu.Cpus;
import dev.samara.core.oracle.Oracle;
import dev.samara.core.rcu.Rcu;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one machine: its frames, its grace periods, and who is at which entry. Thread-safe.
 */
public final class Memory {
    /** Offers of pages are not watched. */
    public static final long UNCHECKED = -1;

    private final Frames frames;
    private final Rcu rcu;
    private final Cpus cpus;
    private final int faultAround;
    private final long longestOffer;
    private final @Nullable Oracle oracle;
    private final PteOwners owners = new PteOwners();
    private final AtomicInteger caches = new AtomicInteger(Frames.ANONYMOUS);
    private final AtomicInteger workers = new AtomicInteger();
    private final Map<Worker, Thread> owned = new ConcurrentHashMap<>();
    private final ConcurrentLinkedQueue<Worker> idle = new ConcurrentLinkedQueue<>();

    /**
     * Puts a machine's memory together.
     *
     * @param frames its frames
     * @param rcu its grace periods
     * @param cpus its CPUs
     * @param faultAround how many pages of a file one fault maps at most, a power of two
     * @param longestOffer after what time an offer of pages counts as one that blocked, in nanoseconds; or {@link #UNCHECKED}
     * @param oracle who judges accesses, or null if nobody does
     */
    public Memory(Frames frames, Rcu rcu, Cpus cpus, int faultAround, long longestOffer, @Nullable Oracle oracle) {
        this.oracle = oracle;
        this.frames = frames;
        this.rcu = rcu;
        this.cpus = cpus;
        this.faultAround = faultAround;
        this.longestOffer = longestOffer;
    }

    /**
     * Who judges accesses.
     *
     * @return the oracle; null if the machine is not checked
     */
    public @Nullable Oracle oracle() {
        return oracle;
    }

    /**
     * How long an offer of pages may take.
     *
     * @return nanoseconds, or {@link #UNCHECKED}
     */
    public long longestOffer() {
        return longestOffer;
    }

    /**
     * Puts a machine's memory together, with windows of Linux's size for pages of 4 KiB.
     *
     * @param frames its frames
     * @param rcu its grace periods
     */
    public Memory(Frames frames, Rcu rcu) {
        this(frames, rcu, new Cpus(Long.MAX_VALUE, message -> {}), 16, UNCHECKED, null);
    }

    /**
     * How many pages of a file one fault maps at most.
     *
     * @return a power of two
     */
    public int faultAround() {
        return faultAround;
    }

    /**
     * The frames.
     *
     * @return always the same
     */
    public Frames frames() {
        return frames;
    }

    /**
     * The grace periods.
     *
     * @return always the same
     */
    public Rcu rcu() {
        return rcu;
    }

    /**
     * The CPUs that use its frames.
     *
     * @return always the same
     */
    public Cpus cpus() {
        return cpus;
    }

    /**
     * Who is at which entry.
     *
     * @return always the same
     */
    public PteOwners owners() {
        return owners;
    }

    /**
     * A number for a page cache.
     *
     * @return a number that no other cache of this machine has
     */
    public int nextCache() {
        return caches.incrementAndGet();
    }

    /**
     * Makes a worker.
     *
     * @param name whom reports name
     * @return a worker of this memory
     */
    public Worker newWorker(String name) {
        return new Worker(rcu.register(name), frames.newMagazine(), owners.register());
    }

    /**
     * Makes a worker for one thread alone. Those that threads have left which have ended are ended first, so that a thread that
     * never gives its own back costs no more than that until somebody else needs one.
     *
     * @param name whom reports name
     * @param owner the thread
     * @return a worker of this memory
     */
    public Worker newWorker(String name, Thread owner) {
        owned.forEach((worker, thread) -> {
            // Whatever it did with the worker happened before it is found dead.
            if (!thread.isAlive() && owned.remove(worker, thread)) {
                end(worker);
            }
        });
        Worker worker = newWorker(name);
        owned.put(worker, owner);
        return worker;
    }

    /**
     * Ends a worker that is in no reader section, or whose thread has ended.
     *
     * @param worker one of this memory
     */
    public void discard(Worker worker) {
        owned.remove(worker);
        end(worker);
    }

    private void end(Worker worker) {
        rcu.unregister(worker.reader());
        frames.discard(worker.magazine());
        owners.release(worker.owner());
    }

    /**
     * Lends a worker to a thread that has none.
     *
     * @return a worker, to be given back
     */
    public Worker borrow() {
        Worker worker = idle.poll();
        return worker != null ? worker : newWorker("service " + workers.incrementAndGet());
    }

    /**
     * Takes a worker back.
     *
     * @param worker a borrowed one, in no reader section
     */
    public void giveBack(Worker worker) {
        idle.add(worker);
    }
}
