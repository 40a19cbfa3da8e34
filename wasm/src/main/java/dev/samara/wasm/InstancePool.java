// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import java.lang.ref.Cleaner;
import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Instances that start each request in the same state, and are used again. A server takes an instance for a request, and
 * gives it back, which {@linkplain InstanceCheckpoint#restore restores} it. Thread-safe, for platform threads and
 * virtual threads; a lent instance is for one thread at a time.
 *
 * <pre>{@code
 * EndiveFork forks = EndiveFork.of(warm);
 * InstancePool<Instance> pool = InstancePool.of(16, InstancePool.WhenEmpty.WAIT, forks::build, EndiveCheckpoint::of);
 * try (InstancePool.Lease<Instance> lease = pool.take(Duration.ofSeconds(1))) {
 *     serve(lease.instance());
 * }
 * }</pre>
 *
 * @param <I> the runtime's class of instances
 */
public final class InstancePool<I> implements AutoCloseable {
    /*
     * 1. A permit stands for an instance of the pool: one that is idle, is lent, or was not made yet. Who holds a permit
     *    takes an idle instance, or makes one, so that there are never more than the bound. An instance becomes idle
     *    before its permit is released.
     *
     * 2. An instance that is made without a permit, because the pool was empty, is ended when it is given back.
     *
     * 3. A lease is given back once: the thread that changes its state from LENT restores the instance. If the restore
     *    refuses, because a call uses the instance, the state is LENT again. If it fails, the instance has ended, and
     *    only its permit goes back.
     *
     * 4. The pool refers to idle instances only. So a lease that nobody can give back becomes unreachable with its
     *    instance, and the cleaner, which refers to neither, nor to the pool (Losses), releases the permit and reports
     *    it, unless it is idle in a pool that nobody closed. An instance ends once: whoever ends it sets its use.
     *
     * 5. A close ends the idle instances. A lease that is given back later finds the flag after its instance has become
     *    idle, and ends what it finds: of the close and the giving back, the later one sees the other's store.
     */

    /** What {@link #take} does while all instances are lent. */
    public enum WhenEmpty {
        /** Waits for one. */
        WAIT,

        /** Makes one more, which is closed when it is given back. */
        MAKE
    }

    /** An instance, and how it is restored. */
    private record Pooled<I>(I instance, InstanceCheckpoint checkpoint, boolean hasPermit, AtomicReference<Use> use) {}

    private enum Use {
        IDLE,
        LENT,
        ENDED
    }

    private enum State {
        LENT,
        RETURNING,
        RETURNED
    }

    private static final Cleaner CLEANER = Cleaner.create();
    private static final System.Logger LOGGER = System.getLogger("dev.samara.wasm");

    /** What the cleaner needs. A reference to the pool would keep a pool alive that nobody closes. */
    private static final class Losses {
        private final String pool;
        private final Semaphore permits;
        private final LongAdder count = new LongAdder();
        private volatile Consumer<String> reporter = message -> LOGGER.log(System.Logger.Level.WARNING, message);

        Losses(String pool, Semaphore permits) {
            this.pool = pool;
            this.permits = permits;
        }

        /** Called when nothing refers to an instance any more. */
        void lost(boolean hasPermit, AtomicReference<Use> use) {
            if (use.getAndSet(Use.ENDED) == Use.LENT) {
                count.increment();
                if (hasPermit) {
                    permits.release();
                }
                reporter.accept("an instance of " + pool + " was never given back");
            }
        }
    }

    private final int bound;
    private final WhenEmpty whenEmpty;
    private final Supplier<? extends I> maker;
    private final Function<? super I, InstanceCheckpoint> checkpoints;
    private final Semaphore permits;

    /** The instance that was given back last is first, because its memory may still be in caches. */
    private final ConcurrentLinkedDeque<Pooled<I>> idle = new ConcurrentLinkedDeque<>();

    private final LongAdder requests = new LongAdder();
    private final LongAdder pages = new LongAdder();
    private final LongAdder made = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final Losses losses;
    private volatile boolean isClosed;

    private InstancePool(
            int bound,
            WhenEmpty whenEmpty,
            Supplier<? extends I> maker,
            Function<? super I, InstanceCheckpoint> checkpoints) {
        if (bound < 1) {
            throw new IllegalArgumentException("bound = " + bound + ", but a pool has at least one instance");
        }
        this.bound = bound;
        this.whenEmpty = whenEmpty;
        this.maker = maker;
        this.checkpoints = checkpoints;
        permits = new Semaphore(bound);
        losses = new Losses(toString(), permits);
    }

    /**
     * Creates a pool without instances, which makes them when they are first needed.
     *
     * @param <I> the runtime's class of instances
     * @param bound the maximum number of instances that the pool keeps
     * @param whenEmpty what happens while this many are lent
     * @param maker makes an instance, on the thread that takes it; called by several threads at a time
     * @param checkpoints makes the checkpoint of a new instance, to which each request returns it
     * @return the pool
     */
    public static <I> InstancePool<I> of(
            int bound,
            WhenEmpty whenEmpty,
            Supplier<? extends I> maker,
            Function<? super I, InstanceCheckpoint> checkpoints) {
        return new InstancePool<>(bound, whenEmpty, maker, checkpoints);
    }

    /**
     * Sets who is told of a lease that became unreachable before it was given back. By default, the logger {@code
     * dev.samara.wasm} is.
     *
     * @param reporter receives a message, on a thread of the library
     * @return this
     */
    public InstancePool<I> reports(Consumer<String> reporter) {
        losses.reporter = reporter;
        return this;
    }

    /**
     * Lends an instance.
     *
     * @param timeout how long to wait for one, if the pool waits; zero or less for not at all
     * @return the lease, which the caller closes; null if no instance was given back in time
     * @throws InterruptedException if the thread has to wait, and is interrupted then or was before
     * @throws IllegalStateException if the pool is closed
     * @throws RuntimeException as the maker or the checkpoint of a new instance throws
     */
    public @Nullable Lease<I> take(Duration timeout) throws InterruptedException {
        boolean hasPermit = permits.tryAcquire();
        if (!hasPermit && whenEmpty == WhenEmpty.WAIT) {
            hasPermit = permits.tryAcquire(toNanos(timeout), TimeUnit.NANOSECONDS);
            if (!hasPermit) {
                return null;
            }
        }
        boolean isLent = false;
        try {
            if (isClosed) {
                throw new IllegalStateException("the pool is closed");
            }
            Pooled<I> first = hasPermit ? idle.pollFirst() : null;
            Pooled<I> pooled = first != null ? first : make(hasPermit);
            Lease<I> lease = new Lease<>(this, pooled);
            pooled.use.set(Use.LENT);
            isLent = true;
            return lease;
        } finally {
            if (!isLent && hasPermit) {
                permits.release();
            }
        }
    }

    private static long toNanos(Duration timeout) {
        try {
            return timeout.toNanos();
        } catch (ArithmeticException tooLong) {
            // 292 years are the maximum.
            return timeout.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }

    private Pooled<I> make(boolean hasPermit) {
        I instance = maker.get();
        AtomicReference<Use> use = new AtomicReference<>(Use.LENT);
        Pooled<I> pooled = new Pooled<>(instance, checkpoints.apply(instance), hasPermit, use);
        made.increment();
        Losses of = losses;
        CLEANER.register(pooled, () -> of.lost(hasPermit, use));
        return pooled;
    }

    private void giveBack(Pooled<I> pooled, long written) {
        requests.increment();
        pages.add(written);
        if (pooled.hasPermit) {
            pooled.use.set(Use.IDLE);
            idle.addFirst(pooled);
            permits.release();
            if (isClosed) {
                endIdle();
            }
        } else {
            end(pooled);
        }
    }

    /** Ends an instance. */
    private static void end(Pooled<?> pooled) {
        if (pooled.use.getAndSet(Use.ENDED) != Use.ENDED) {
            pooled.checkpoint.end();
        }
    }

    private void endIdle() {
        for (Pooled<I> pooled = idle.pollFirst(); pooled != null; pooled = idle.pollFirst()) {
            end(pooled);
        }
    }

    /**
     * Returns what this pool did.
     *
     * @return counts since the pool was created, and the number of instances
     */
    public Statistics statistics() {
        int waiting = idle.size();
        return new Statistics(
                requests.sum(),
                pages.sum(),
                made.sum(),
                failed.sum(),
                losses.count.sum(),
                bound - permits.availablePermits(),
                waiting);
    }

    /**
     * What a pool did.
     *
     * @param requests how many leases were given back
     * @param pages how many pages of memories were put back for them: those that the requests wrote or added
     * @param made how many instances were made
     * @param failed how many of them were closed because they could not be restored
     * @param lost how many leases became unreachable before they were given back
     * @param lent how many instances are lent now, without those beyond the bound
     * @param idle how many instances are idle now
     */
    public record Statistics(long requests, long pages, long made, long failed, long lost, int lent, int idle) {}

    /** Closes the idle instances. Those that are lent are closed when they are given back. */
    @Override
    public void close() {
        isClosed = true;
        endIdle();
    }

    @Override
    public String toString() {
        return "pool of " + bound + " instances";
    }

    /**
     * An instance that is lent, until it is closed.
     *
     * @param <I> the runtime's class of instances
     */
    public static final class Lease<I> implements AutoCloseable {
        private final InstancePool<I> from;
        private final AtomicReference<State> state = new AtomicReference<>(State.LENT);
        private @Nullable Pooled<I> pooled;

        private Lease(InstancePool<I> from, Pooled<I> pooled) {
            this.from = from;
            this.pooled = pooled;
        }

        /**
         * Returns the instance.
         *
         * @return the same object until the lease is given back
         * @throws IllegalStateException if it was given back
         */
        public I instance() {
            return lent().instance;
        }

        private Pooled<I> lent() {
            Pooled<I> of = pooled;
            if (of == null) {
                throw new IllegalStateException("the instance was given back");
            }
            return of;
        }

        /**
         * Restores the instance, and gives it back. On any thread.
         *
         * @throws IllegalStateException if the instance was given back before, or if a call uses it, and it stays lent.
         *     Otherwise as {@link InstanceCheckpoint#restore}: the instance is closed then, and is not lent again
         */
        @Override
        public void close() {
            giveBack();
        }

        /**
         * Does what {@link #close} does, and returns how much the request wrote.
         *
         * @return as {@link InstanceCheckpoint#restore}
         * @throws IllegalStateException as {@link #close}
         */
        public long giveBack() {
            if (!state.compareAndSet(State.LENT, State.RETURNING)) {
                throw new IllegalStateException("the instance was given back");
            }
            Pooled<I> of = lent();
            State after = State.LENT;
            try {
                long written = of.checkpoint.restore();
                after = State.RETURNED;
                pooled = null;
                from.giveBack(of, written);
                return written;
            } finally {
                if (after == State.LENT && of.checkpoint.isClosed()) {
                    after = State.RETURNED;
                    pooled = null;
                    from.fail(of);
                }
                state.set(after);
            }
        }

        @Override
        public String toString() {
            return "lease of " + from;
        }
    }

    private void fail(Pooled<I> pooled) {
        failed.increment();
        end(pooled);
        if (pooled.hasPermit) {
            permits.release();
        }
    }
}
