// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import java.lang.ref.Cleaner;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Objects;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Instances that start each request in the same state, and are used again. A server takes an instance for a request,
 * and gives it back, which {@linkplain InstanceCheckpoint#restore restores} it. Thread-safe, for platform threads and
 * virtual threads. A lent instance is for one thread at a time.
 *
 * <pre>{@code
 * InstancePool<Instance> pool = InstancePool.of(16, InstancePool.WhenEmpty.WAIT, () -> {
 *     Instance instance = forks.build();
 *     return new InstancePool.Member<>(instance, EndiveCheckpoint.of(instance));
 * });
 * try (InstancePool.Lease<Instance> lease = pool.take(Duration.ofSeconds(1))) {
 *     serve(lease.instance());
 * }
 * }</pre>
 *
 * @param <I> the runtime's class of instances
 */
public final class InstancePool<I> implements AutoCloseable {
    /*
     * 1. A place stands for an instance that the pool keeps: it is free, or its instance is idle or lent. The lock
     *    guards the idle instances, the numbers in Places, and each Tenure, which says whether an instance has a place
     *    and is lent. So a place becomes free once, whoever gives an instance up: the lease, a failure, or the cleaner.
     *
     * 2. All that a take needs is allocated before the lock. Nothing below the lock can fail, so what it changes is
     *    complete: an instance is idle, or a lease has it, or its place is free.
     *
     * 3. A lease is given back once: the thread that changes its state from LENT restores the instance. If the restore
     *    changes nothing, e.g. because a call uses the instance, the state is LENT again. If it fails later, the
     *    instance was closed, and only its place goes back.
     *
     * 4. The pool refers to idle instances only, and the cleaner to neither the pool nor an instance. So an instance
     *    whose lease is lost becomes unreachable, and the cleaner gives up its place. A pool that is lost is collected
     *    with its idle instances.
     *
     * 5. Instances are made, restored and ended outside the lock.
     */

    /** What {@link #take} does while all instances are lent. */
    public enum WhenEmpty {
        /** Waits for one. */
        WAIT,

        /** Makes one more, whose number is not bounded. It is ended when it is given back. */
        MAKE
    }

    /**
     * An instance that a pool lends.
     *
     * @param <I> the runtime's class of instances
     * @param instance the instance
     * @param checkpoint the state in which each request starts
     * @param end called once after the memories of the instance were closed, e.g. to close files of its host functions
     */
    public record Member<I>(I instance, InstanceCheckpoint checkpoint, Runnable end) {
        /**
         * Creates a member of which only the memories are closed.
         *
         * @param instance the instance
         * @param checkpoint the state in which each request starts
         */
        public Member(I instance, InstanceCheckpoint checkpoint) {
            this(instance, checkpoint, () -> {});
        }
    }

    /** What the pool and the cleaner share. */
    private static final class Places {
        private final ReentrantLock lock = new ReentrantLock();
        private final Condition returned = lock.newCondition();
        private final Condition drained = lock.newCondition();
        private final String pool;
        private int free;
        private int lent;
        private long lost;
        private volatile BiConsumer<String, @Nullable Throwable> reporter =
                (message, cause) -> LOGGER.log(System.Logger.Level.WARNING, message, cause);

        Places(int bound) {
            pool = "pool of " + bound + " instances";
            free = bound;
        }

        /** Gives up the place of an instance that is lent. Called under the lock. */
        private void giveUp(Tenure of) {
            of.isLent = false;
            if (of.hasPlace) {
                of.hasPlace = false;
                free++;
            }
            goneBack();
        }

        /** An instance is not lent any more. Called under the lock. */
        private void goneBack() {
            lent--;
            returned.signal();
            if (lent == 0) {
                drained.signalAll();
            }
        }

        /** Called when nothing refers to an instance any more. */
        void unreachable(Tenure of) {
            lock.lock();
            try {
                if (!of.isLent) {
                    return;
                }
                lost++;
                giveUp(of);
            } finally {
                lock.unlock();
            }
            reporter.accept("an instance of a " + pool + " was never given back", null);
        }
    }

    /** How the pool holds an instance; guarded by the lock. */
    private static final class Tenure {
        private boolean hasPlace;
        private boolean isLent;
    }

    private record Pooled<I>(Member<I> member, Tenure tenure) {}

    private enum State {
        LENT,
        RETURNING,
        GIVEN,
        CLOSED
    }

    private static final Cleaner CLEANER = Cleaner.create();
    private static final System.Logger LOGGER = System.getLogger("dev.samara.wasm");

    private final WhenEmpty whenEmpty;
    private final Supplier<Member<I>> maker;
    private final Places places;

    /** The instance that was given back last is first, because its memory may still be in caches. */
    private final ArrayDeque<Pooled<I>> idle;

    private boolean isClosed;
    private long requests;
    private long pages;
    private long made;
    private long failed;

    private InstancePool(int bound, WhenEmpty whenEmpty, Supplier<Member<I>> maker) {
        if (bound < 1) {
            throw new IllegalArgumentException("bound = " + bound + ", but a pool has at least one instance");
        }
        this.whenEmpty = whenEmpty;
        this.maker = maker;
        places = new Places(bound);
        // With room for all, so that an instance that comes back allocates nothing.
        idle = new ArrayDeque<>(bound + 1);
    }

    /**
     * Creates a pool without instances, which makes them when they are first needed.
     *
     * @param <I> the runtime's class of instances
     * @param bound the maximum number of instances that the pool keeps
     * @param whenEmpty what happens while this many are lent
     * @param maker makes an instance and its checkpoint, on the thread that takes it; called by several threads at a
     *     time
     * @return the pool
     * @throws IllegalArgumentException if the bound is not positive
     */
    public static <I> InstancePool<I> of(int bound, WhenEmpty whenEmpty, Supplier<Member<I>> maker) {
        return new InstancePool<>(bound, whenEmpty, maker);
    }

    /**
     * Sets who is told of an instance that was never given back, and of one that {@link Lease#close} could not restore.
     * By default, the logger {@code dev.samara.wasm} is.
     *
     * @param reporter receives a message and the cause, if there is one. The first message comes on a thread that all
     *     pools share, so it must not wait
     * @return this
     */
    public InstancePool<I> reports(BiConsumer<String, @Nullable Throwable> reporter) {
        places.reporter = reporter;
        return this;
    }

    /**
     * Lends an instance.
     *
     * @param timeout how long to wait for one, if the pool waits; zero or less for not at all
     * @return the lease, which the caller closes
     * @throws TimeoutException if no instance was given back in time
     * @throws InterruptedException if the thread has to wait, and is interrupted then or was before
     * @throws IllegalStateException if the pool is closed, also while the thread waits
     * @throws RuntimeException as the maker throws
     */
    public Lease<I> take(Duration timeout) throws InterruptedException, TimeoutException {
        long nanos = toNanos(timeout);
        Lease<I> lease = new Lease<>(this);
        Tenure fresh = new Tenure();
        Pooled<I> pooled;
        places.lock.lock();
        try {
            while (true) {
                if (isClosed) {
                    throw new IllegalStateException("the pool is closed");
                }
                pooled = idle.pollFirst();
                if (pooled != null || places.free > 0 || whenEmpty == WhenEmpty.MAKE) {
                    break;
                }
                if (nanos <= 0) {
                    throw new TimeoutException("all instances of a " + places.pool + " are lent");
                }
                nanos = places.returned.awaitNanos(nanos);
            }
            if (pooled != null) {
                pooled.tenure.isLent = true;
            } else {
                fresh.isLent = true;
                if (places.free > 0) {
                    places.free--;
                    fresh.hasPlace = true;
                }
            }
            places.lent++;
        } finally {
            places.lock.unlock();
        }
        lease.pooled = pooled != null ? pooled : make(fresh);
        return lease;
    }

    private static long toNanos(Duration timeout) {
        try {
            return timeout.toNanos();
        } catch (ArithmeticException tooLong) {
            // More than 292 years.
            return timeout.isNegative() ? 0 : Long.MAX_VALUE;
        }
    }

    private Pooled<I> make(Tenure fresh) {
        boolean isMade = false;
        try {
            Pooled<I> pooled = new Pooled<>(maker.get(), fresh);
            Places of = places;
            CLEANER.register(pooled, () -> of.unreachable(fresh));
            isMade = true;
            return pooled;
        } finally {
            places.lock.lock();
            try {
                if (isMade) {
                    made++;
                } else if (fresh.isLent) {
                    places.giveUp(fresh);
                }
            } finally {
                places.lock.unlock();
            }
        }
    }

    /** Takes an instance back that was restored. */
    private void giveBack(Pooled<I> pooled, long written) {
        boolean isKept;
        places.lock.lock();
        try {
            requests++;
            pages += written;
            isKept = pooled.tenure.hasPlace && !isClosed;
            if (isKept) {
                pooled.tenure.isLent = false;
                idle.addFirst(pooled);
                places.goneBack();
            } else {
                places.giveUp(pooled.tenure);
            }
        } finally {
            places.lock.unlock();
        }
        if (!isKept) {
            end(pooled.member);
        }
    }

    /** Ends an instance that is lent. */
    private void drop(Pooled<I> pooled, boolean isFailed) {
        places.lock.lock();
        try {
            failed += isFailed ? 1 : 0;
            places.giveUp(pooled.tenure);
        } finally {
            places.lock.unlock();
        }
        end(pooled.member);
    }

    private static void end(Member<?> member) {
        try {
            member.checkpoint.end();
        } finally {
            member.end.run();
        }
    }

    /**
     * Returns what this pool did.
     *
     * @return counts since the pool was created, and the present numbers of instances
     */
    public Statistics statistics() {
        places.lock.lock();
        try {
            return new Statistics(requests, pages, made, failed, places.lost, places.lent, idle.size());
        } finally {
            places.lock.unlock();
        }
    }

    /**
     * What a pool did.
     *
     * @param requests how many leases were given back, and their instances restored
     * @param pages how many pages of memories were put back for them: those that the requests wrote or added
     * @param made how many instances were made
     * @param failed how many of them were ended because they could not be restored
     * @param lost how many became unreachable before they were given back
     * @param lent how many are lent now
     * @param idle how many are idle now
     */
    public record Statistics(long requests, long pages, long made, long failed, long lost, int lent, int idle) {}

    /**
     * Ends the idle instances. Those that are lent are ended when they are given back, and threads that wait for one
     * get an exception.
     *
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST. A second call ends what is left
     */
    @Override
    public void close() {
        Pooled<I> next;
        do {
            places.lock.lock();
            try {
                isClosed = true;
                places.returned.signalAll();
                next = idle.pollFirst();
            } finally {
                places.lock.unlock();
            }
            if (next != null) {
                endIdle(next);
            }
        } while (next != null);
    }

    private void endIdle(Pooled<I> pooled) {
        boolean isEnded = false;
        try {
            pooled.member.checkpoint.end();
            isEnded = true;
        } finally {
            if (!isEnded) {
                places.lock.lock();
                try {
                    idle.addLast(pooled);
                } finally {
                    places.lock.unlock();
                }
            }
        }
        pooled.member.end.run();
    }

    /**
     * Waits until no instance is lent.
     *
     * @param timeout how long; zero or less for not at all
     * @return whether none is lent
     * @throws InterruptedException if the thread has to wait, and is interrupted then or was before
     */
    public boolean awaitReturns(Duration timeout) throws InterruptedException {
        long nanos = toNanos(timeout);
        places.lock.lock();
        try {
            while (places.lent > 0 && nanos > 0) {
                nanos = places.drained.awaitNanos(nanos);
            }
            return places.lent == 0;
        } finally {
            places.lock.unlock();
        }
    }

    @Override
    public String toString() {
        return places.pool;
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

        private Lease(InstancePool<I> from) {
            this.from = from;
        }

        /**
         * Returns the instance.
         *
         * @return the same object until the lease is given back
         * @throws IllegalStateException if it was given back
         */
        public I instance() {
            Pooled<I> of = pooled;
            if (of == null || state.get() != State.LENT) {
                throw new IllegalStateException("the instance was given back");
            }
            return of.member.instance;
        }

        private Pooled<I> begin() {
            if (!state.compareAndSet(State.LENT, State.RETURNING)) {
                throw new IllegalStateException("the instance was given back before");
            }
            return Objects.requireNonNull(pooled);
        }

        /** Ends what {@link #begin} began. */
        private void become(State next) {
            if (next != State.LENT) {
                // Otherwise a lease that is kept would keep an idle instance reachable after its pool.
                pooled = null;
            }
            state.set(next);
        }

        /**
         * Gives the instance back as {@link #giveBack} does. If it cannot be restored, it is closed and that is
         * reported instead of thrown, because the request is over. Does nothing after {@link #giveBack} and {@link
         * #discard}.
         *
         * @throws IllegalStateException if the lease was closed before, or if a call uses the instance, which stays
         *     lent
         */
        @Override
        public void close() {
            if (state.compareAndSet(State.GIVEN, State.CLOSED)) {
                return;
            }
            try {
                long unused = giveBack();
            } catch (RuntimeException failed) {
                if (state.get() != State.GIVEN) {
                    throw failed;
                }
                from.places.reporter.accept(
                        "an instance of a " + from + " could not be restored, and is closed", failed);
            }
            state.set(State.CLOSED);
        }

        /**
         * Restores the instance, and gives it back. On any thread.
         *
         * @return how much the request wrote, as {@link InstanceCheckpoint#restore} counts
         * @throws IllegalStateException if the instance was given back before, or if a call uses it, and it stays lent
         * @throws RuntimeException as {@link InstanceCheckpoint#restore} throws. If the restore had begun, the instance
         *     is closed, and is not lent again
         */
        public long giveBack() {
            Pooled<I> of = begin();
            State next = State.LENT;
            try {
                long written = of.member.checkpoint.restore();
                next = State.GIVEN;
                from.giveBack(of, written);
                return written;
            } finally {
                if (next == State.LENT && of.member.checkpoint.isClosed()) {
                    next = State.GIVEN;
                    try {
                        from.drop(of, true);
                    } finally {
                        become(next);
                    }
                } else {
                    become(next);
                }
            }
        }

        /**
         * Ends the instance instead of restoring it, e.g. because its call does not return. Its place is free at once.
         * Its memory is released after the last call.
         *
         * @throws IllegalStateException if the instance was given back before
         */
        public void discard() {
            Pooled<I> of = begin();
            try {
                from.drop(of, false);
            } finally {
                become(State.GIVEN);
            }
        }

        @Override
        public String toString() {
            return "lease of a " + from;
        }
    }
}
