// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.internal.trace.Tracepoints;
import dev.samara.core.internal.trace.Tracepoints.BegunEvent;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The grace periods of one machine, with the verbs of liburcu. Thread-safe.
 *
 * <pre>
 *     reader                         updater that waits     updater that polls            updater that continues
 *     Reader.readLock                unlink                 unlink                        unlink
 *       load the pointer, use it     synchronize            state = startPoll             call(callback)
 *     Reader.readUnlock              free                   poll(state) is true? free     the callback frees
 * </pre>
 *
 * <p>A reader that delays a grace period for too long is reported once per grace period to the reporter of the
 * settings. The work that waits for grace periods on threads of the machine is bounded: the callbacks of {@link #call},
 * and the tasks between {@link #beginTask} and {@link #endTask}. Callbacks are counted but never refused, because they
 * result from changes that were already made. So the bound is enforced earlier: a call that may add callbacks or a task
 * first waits for room, or is refused, depending on the settings.
 */
public final class Rcu {
    /*
     * Algorithmic notes.
     *
     * 1. A section. Each reader has one word, its section: a number that is never reused, or 0 outside sections. The
     *    owner stores the number (volatile) before every load of the section, and 0 (release) after every access.
     *
     * 2. The scan. An updater unlinks, fences (full), and then reads the sections of all readers (Sections.scan). This
     *    is a store-load pair with the start of a section: either the scan sees the section, or the section sees every
     *    unlinking before the scan. The grace period is over when each section that the scan saw has another number,
     *    which the updater reads after the release store that ended the section. A section that starts later does not
     *    delay it.
     *
     * 3. Three ways to wait for it. synchronize spins, then parks between its checks. startPoll and poll share one
     *    grace period at a time: a caller that comes while number n is in progress waits for n + 1, since its unlinking
     *    may follow the scan of n; only callers of poll advance it. Callbacks are such callers: all that are queued
     *    when a grace period starts share it, as one Batch, which the housekeeping polls.
     *
     * 4. A batch. At most one batch waits in the housekeeping or runs. When its grace period is over, it hands each of
     *    its callbacks to the executor, and starts over until the queue is empty. It hands over first and dequeues
     *    afterwards, so an Error in between hands a callback over twice; Once makes it run once. A batch that fails is
     *    retried after a pause. A batch that cannot be listed leaves the callbacks to the next call of call.
     *
     * 5. The bound. A callback is queued and counted under one lock, which also guards the count of tasks. isFull is
     *    read without the lock by callers that have changed nothing yet, so a few more operations may start.
     */

    private static final int SPINS = 200;

    /** How a caller is treated when the waiting work is at its bound. */
    public enum AtBound {
        /** The caller waits until there is room. */
        WAIT,
        /** The caller is refused. */
        REFUSE
    }

    /**
     * The settings of a machine's grace periods.
     *
     * @param background runs the callbacks; its tasks may wait
     * @param housekeeping polls whether a grace period of callbacks is over; its steps make room
     * @param bound the bound of the waiting work in callbacks and tasks, positive
     * @param atBound how a caller is treated at the bound
     * @param reportAfterNanos the time in nanoseconds after which a delaying reader is reported
     * @param reporter receives the report, on the thread that waits; must not throw
     */
    public record Settings(
            Executor background,
            Housekeeping housekeeping,
            int bound,
            AtBound atBound,
            long reportAfterNanos,
            Consumer<String> reporter) {}

    private final Settings settings;

    /**
     * Replaced as a whole, under the lock. Scanned without the lock.
     *
     * <p>Written: holder of {@code lock} (volatile).
     * Read: a thread that scans, or that checks whether a reader is still registered (volatile).
     * Invariant: contains every reader that may be in a section, because a reader is registered before its first
     *     section.
     */
    private volatile Reader[] readers = {};

    private final ReentrantLock lock = new CheckedLock();

    /**
     * Written: a thread that waited for a grace period, or whose poll found one complete (adder).
     * Read: any thread (sum).
     * Invariant: a count for statistics; it orders nothing.
     */
    private final LongAdder ended = new LongAdder();

    private final Object polling = new Object();

    /**
     * The number of polled grace periods that started, and the number of those that are over. At most one is in
     * progress.
     *
     * <p>Words: {@code begun}, {@code over}, {@code recorded}, {@code awaited}, and all fields of the object to which
     *     it refers.
     * Written: any thread that polls (monitor {@code polling}).
     * Read: any thread that polls or starts to poll (monitor {@code polling}).
     * Pairs: an updater unhooks before it calls {@code startPoll}; the scan fences (full), then reads sections.
     * Invariant: a grace period with a number above {@code over} has not ended. A thread that starts to poll while
     *     number n is in progress waits for n + 1.
     */
    @GuardedBy("polling")
    private long begun;

    @GuardedBy("polling")
    private long over;

    /** The sections for which the current grace period waits; null if there are none. */
    @GuardedBy("polling")
    private @Nullable Sections awaited;

    /** The flight recorder's event of the current grace period; null if that is not recorded. */
    @GuardedBy("polling")
    private @Nullable BegunEvent recorded;

    /** Guards the queue of callbacks, too, so that a callback is counted at the instant at which it is added. */
    private final ReentrantLock work = new CheckedLock();

    private final Condition room = work.newCondition();

    /**
     * The producer is the holder of the lock. The consumer is the thread that runs the {@link Batch}.
     *
     * <p>Written: holder of {@code work}, the producer ({@code MpscQueue.offer}).
     * Read: the thread that starts or runs the batch, the consumer ({@code peek}, {@code poll}, {@code size}); holder
     *     of {@code work} ({@code size}).
     * Invariant: callbacks in the order in which they were added. The callbacks of a batch were added before its grace
     *     period started.
     */
    private final MpscQueue<Once> waiting = new MpscQueue<>();

    /**
     * Whether the housekeeping contains a batch, or a batch runs.
     *
     * <p>Written: holder of {@code work} (plain).
     * Read: holder of {@code work} (plain).
     * Invariant: at most one batch waits in {@code Housekeeping} or runs. A thread that adds a callback while there is
     *     no batch starts one. The batch ends only if {@code waiting} is empty, or if the batch could not be added to
     *     {@code Housekeeping}. In the latter case the next thread that adds a callback starts another batch.
     */
    @GuardedBy("work")
    private boolean isWorkedOff;

    /**
     * Whether the waiting work is at its bound. Written under the lock, read without it.
     *
     * <p>Written: holder of {@code work} (volatile).
     * Read: a thread that is about to start an operation, and found the {@code CallNotice} posted (volatile).
     * Pairs: stored before {@code kept} and {@code isPosted} of {@code CallNotice}, which are read before it.
     * Invariant: set while the work is at its bound. Racy for a thread without the lock, so a few more operations may
     *     start.
     */
    private volatile boolean isFull;

    /**
     * Words: {@code tasks}, {@code callbacks}.
     * Written: holder of {@code work} (plain).
     * Read: holder of {@code work} (plain).
     * Invariant: their sum is at most the bound, except for callbacks that were added by operations that had already
     *     started.
     */
    @GuardedBy("work")
    private int tasks;

    @GuardedBy("work")
    private int callbacks;

    public Rcu(Settings settings) {
        this.settings = settings;
    }

    /**
     * Registers a new reader. Grace periods that start from now on wait for it.
     *
     * @param name the reader's name in reports
     * @return a reader that is not in a section
     */
    public Reader register(String name) {
        Reader reader = new Reader(name);
        lock.lock();
        try {
            Reader[] more = Arrays.copyOf(readers, readers.length + 1);
            more[readers.length] = reader;
            readers = more;
        } finally {
            lock.unlock();
        }
        return reader;
    }

    /**
     * Removes readers in one step. Grace periods no longer wait for them, even if they are in a section. The readers'
     * owners must have ended, or must never use the readers again.
     *
     * @param gone registered readers
     */
    public void unregister(Set<Reader> gone) {
        lock.lock();
        try {
            readers = Arrays.stream(readers)
                    .filter(reader -> !gone.contains(reader))
                    .toArray(Reader[]::new);
        } finally {
            lock.unlock();
        }
    }

    private boolean isRegistered(Reader reader) {
        for (Reader known : readers) {
            if (known == reader) {
                return true;
            }
        }
        return false;
    }

    /**
     * Waits for a grace period ({@code synchronize_rcu}), i.e. until every reader section that started before this call
     * has ended. After the return, no reader uses an object that the caller unlinked before the call. An interrupt does
     * not end the wait; the interrupt flag is set on return.
     *
     * <p>The caller must not be in a section, and must not hold a lock that a reader may wait for within a section.
     */
    public void synchronize() {
        NoWaiting.check("a wait for a grace period");
        Sections sections = scan();
        if (sections != null) {
            BegunEvent event = Tracepoints.begin(Tracepoints.GRACE_PERIOD);
            await(sections);
            Tracepoints.endGracePeriod(event, sections.count, sections.lastName(), false);
        }
        ended.increment();
    }

    /** Returns the number of grace periods that have ended. It only grows. */
    public long ended() {
        return ended.sum();
    }

    private void await(Sections sections) {
        for (int i = 0; i < SPINS; i++) {
            Thread.onSpinWait();
            if (sections.haveEnded()) {
                return;
            }
        }
        long park = 0;
        boolean interrupted = false;
        while (!sections.checkEnded()) {
            interrupted |= Thread.interrupted();
            park = Pause.betweenPolls(park);
            LockSupport.parkNanos(this, park);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Starts a grace period by scanning the readers. If no reader is in a section, the grace period is over; then this
     * returns null, and allocates nothing.
     */
    @Nullable
    Sections scan() {
        // Orders the unlinking, by callers of synchronize or of startPoll, before the scan. Pairs with the volatile
        // store of Reader.readLock.
        VarHandle.fullFence();
        Reader[] all = readers;
        long[] numbers = null;
        int count = 0;
        // Reads all sections before it waits for the first one, because this grace period need not wait for a section
        // that starts later.
        for (int i = 0; i < all.length; i++) {
            long section = all[i].sectionVolatile();
            if (section != 0) {
                numbers = numbers == null ? new long[all.length] : numbers;
                numbers[i] = section;
                count++;
            }
        }
        return numbers == null ? null : new Sections(all, numbers, count);
    }

    /** The reader sections for which one grace period waits: all that its scan saw. Used by one thread at a time. */
    final class Sections {
        private final Reader[] all;

        /** For each reader, its section at the start of the grace period; 0 if it was in none. */
        private final long[] numbers;

        /** The number of sections at the start. */
        final int count;

        private final long since = System.nanoTime();

        /** The index of the first reader whose section was not seen to end. */
        private int first;

        /** Whether the reader at {@link #first} was reported. */
        private boolean isReported;

        /** The last reader that was still in its section when it was checked. */
        private @Nullable Reader last;

        private Sections(Reader[] all, long[] numbers, int count) {
            this.all = all;
            this.numbers = numbers;
            this.count = count;
        }

        /** Returns whether all sections have ended. The section of an unregistered reader counts like any other. */
        boolean haveEnded() {
            for (; first < all.length; pass()) {
                long section = numbers[first];
                if (section != 0 && all[first].sectionVolatile() == section) {
                    last = all[first];
                    return false;
                }
            }
            return true;
        }

        /**
         * Returns whether all sections have ended; the sections of unregistered readers count as ended. Reports each
         * reader that delays the grace period for too long, once.
         */
        boolean checkEnded() {
            while (!haveEnded()) {
                Reader reader = all[first];
                if (isRegistered(reader)) {
                    reportIfLong(reader);
                    return false;
                }
                pass();
            }
            return true;
        }

        private void pass() {
            first++;
            isReported = false;
        }

        private void reportIfLong(Reader reader) {
            if (isReported) {
                return;
            }
            long waited = System.nanoTime() - since;
            if (waited >= settings.reportAfterNanos) {
                settings.reporter.accept("a grace period waited " + TimeUnit.NANOSECONDS.toMillis(waited)
                        + " ms for reader " + reader.name());
                isReported = true;
            }
        }

        /** Returns the name of the last reader that was awaited; null if all sections had ended at the first check. */
        @Nullable
        String lastName() {
            Reader reader = last;
            return reader == null ? null : reader.name();
        }
    }

    /**
     * Returns the state to poll for a grace period that starts now ({@code start_poll_synchronize_rcu}). Never waits.
     * The caller has already unlinked the objects that no reader may use after that grace period. All callers share the
     * grace periods, so each further caller costs only a number.
     *
     * @return the argument for {@link #poll}
     */
    public long startPoll() {
        synchronized (polling) {
            return begun + 1;
        }
    }

    /**
     * Returns whether every reader section that started before a call of {@link #startPoll} has ended ({@code
     * poll_state_synchronize_rcu}). Never waits. Such grace periods advance only while some thread calls this method.
     *
     * @param state the result of that call
     * @return whether the grace period is over; once true, it remains true
     */
    public boolean poll(long state) {
        for (; ; ) {
            boolean isOver;
            BegunEvent event;
            Sections sections;
            synchronized (polling) {
                if (over >= state) {
                    return true;
                }
                if (begun == over) {
                    begin();
                }
                sections = awaited;
                if (sections != null && !sections.checkEnded()) {
                    return false;
                }
                over = begun;
                ended.increment();
                isOver = over >= state;
                event = recorded;
                awaited = null;
                recorded = null;
            }
            if (sections != null) {
                // Recorded outside the monitor.
                Tracepoints.endGracePeriod(event, sections.count, sections.lastName(), true);
            }
            if (isOver) {
                return true;
            }
        }
    }

    @GuardedBy("polling")
    private void begin() {
        Sections sections = scan();
        recorded = sections == null ? null : Tracepoints.begin(Tracepoints.GRACE_PERIOD);
        awaited = sections;
        // Incremented after everything that may fail.
        begun++;
    }

    /**
     * Runs a callback after a grace period, on a thread of the machine ({@code call_rcu}). Many callbacks share a grace
     * period. Never waits and never refuses a callback, because callers {@linkplain #awaitRoom wait for room} before
     * they make changes that lead to callbacks.
     *
     * @param callback the callback; its exceptions go to the executor
     */
    public void call(Runnable callback) {
        Once once = new Once(callback);
        @Nullable Batch first;
        work.lock();
        try {
            first = isWorkedOff ? null : new Batch();
            waiting.offer(once);
            counted();
            isWorkedOff = true;
        } finally {
            work.unlock();
        }
        if (first != null) {
            start(first);
        } else if (settings.housekeeping.notice.isPosted) {
            settings.housekeeping.attendAgain();
        }
    }

    int pending() {
        work.lock();
        try {
            return waiting.size();
        } finally {
            work.unlock();
        }
    }

    private void start(Batch first) {
        try {
            first.begin();
            settings.housekeeping.add(first);
        } finally {
            if (!first.isListed) {
                stop();
            }
        }
    }

    /** Leaves the waiting callbacks to the next thread that adds a callback. */
    private void stop() {
        work.lock();
        try {
            isWorkedOff = false;
        } finally {
            work.unlock();
        }
    }

    /** The callbacks of one grace period after another. Used by one thread at a time. */
    private final class Batch extends Housekeeping.RetriedWaiter {
        /**
         * Words: {@code grace}, {@code left}.
         * Written: the thread that starts or runs the batch (plain); handed on by the list of {@code Housekeeping} and
         *     the executor.
         * Read: the thread that polls or runs the batch (plain).
         * Invariant: of a {@code Batch}: the {@code left} oldest callbacks wait for the grace period {@code grace}.
         */
        private long grace;

        private int left;

        /** Starts a grace period for the callbacks that wait now. */
        void begin() {
            int all = waiting.size();
            grace = startPoll();
            // Set only after the grace period has started, so that the counted callbacks wait for this grace period.
            left = all;
        }

        @Override
        protected boolean isReady() {
            return isDue() && poll(grace);
        }

        /** Does not wait, because each callback becomes its own task. */
        @Override
        protected boolean mayWait() {
            return false;
        }

        @Override
        public void run() {
            boolean goesOn = true;
            try {
                attempting();
                reportFailure();
                handOver();
                succeeded();
                goesOn = hasMore();
                if (goesOn) {
                    begin();
                }
            } catch (Throwable thrown) {
                // The callback and all later ones are retried, because every caller waits for them once the work is at
                // its bound.
                failed(thrown);
            } finally {
                if (goesOn) {
                    settings.housekeeping.add(this);
                }
            }
        }

        private void reportFailure() {
            Throwable first = takeFailure();
            if (first != null) {
                settings.reporter.accept("callbacks that wait for a grace period are retried after " + first);
            }
        }

        private void handOver() {
            if (!poll(grace)) {
                // Called only because isReady threw an exception, which counts as ready.
                return;
            }
            while (left > 0) {
                // Each callback is its own task, so that a callback that throws or hangs does not stop the others. It
                // is removed after the call. Even if the executor accepted it and threw nevertheless, it runs once.
                settings.background.execute(Objects.requireNonNull(waiting.peek(), "callback"));
                waiting.poll();
                // Decremented before anything that may fail, because a count that stayed too high would take a callback
                // of the next grace period.
                left--;
                handedOver();
            }
        }

        private void handedOver() {
            work.lock();
            try {
                counted();
            } finally {
                work.unlock();
            }
        }

        /** Returns whether callbacks wait. If not, the next callback starts another batch. */
        private boolean hasMore() {
            work.lock();
            try {
                isWorkedOff = waiting.size() != 0;
                return isWorkedOff;
            } finally {
                work.unlock();
            }
        }
    }

    /** A callback that runs once, however often the executor receives it. */
    private static final class Once extends Housekeeping.Waiter {
        /**
         * Written: the thread that runs it (get-and-set).
         * Read: the thread that runs it (get-and-set).
         * Invariant: of a {@code Once}: runs once, even if it is handed to the executor twice because of an Error.
         */
        private final AtomicReference<@Nullable Runnable> callback;

        private final boolean isPrompt;

        Once(Runnable callback) {
            this.callback = new AtomicReference<>(callback);
            isPrompt = callback instanceof Housekeeping.RetriedTask task && task.isPrompt();
        }

        @Override
        protected boolean mayWait() {
            return !isPrompt;
        }

        @Override
        public void run() {
            Runnable first = callback.getAndSet(null);
            if (first != null) {
                first.run();
            }
        }
    }

    /**
     * Waits until the waiting work is below its bound, before a call that may add callbacks. Reserves nothing. Called
     * by calls that find the {@link CallNotice} posted, which this object keeps posted at the bound. If the settings
     * say to wait, the caller must not be in a section or hold a lock.
     *
     * @return false if the work is at its bound and the settings say to refuse
     */
    public boolean awaitRoom() {
        if (!isFull) {
            return true;
        }
        NoWaiting.check("a wait for room behind a grace period");
        work.lock();
        try {
            return hasRoom();
        } finally {
            work.unlock();
        }
    }

    /**
     * Takes a place for a task that will wait for grace periods on a thread of the machine. The place is held until
     * {@link #endTask}. If the settings say to wait at the bound, the caller must not be in a section or hold a lock.
     *
     * @return false if the work is at its bound and the settings say to refuse
     */
    public boolean beginTask() {
        work.lock();
        try {
            if (!hasRoom()) {
                return false;
            }
            tasks++;
            noteLoad();
            return true;
        } finally {
            work.unlock();
        }
    }

    /** Ends a task that {@link #beginTask} counted. */
    public void endTask() {
        work.lock();
        try {
            tasks--;
            noteLoad();
            room.signalAll();
        } finally {
            work.unlock();
        }
    }

    /** Waits until the work is below its bound, or returns false, depending on the settings. */
    @GuardedBy("work")
    private boolean hasRoom() {
        boolean interrupted = false;
        while (isFull && settings.atBound == AtBound.WAIT) {
            if (settings.housekeeping.isSteppedHere()) {
                // The flag is cleared, because a thread whose interrupt flag is set does not park.
                interrupted |= Thread.interrupted();
                step();
            } else {
                room.awaitUninterruptibly();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return !isFull;
    }

    /**
     * Runs a step of the housekeeping, without the lock, which the caller holds exactly once, before and after the
     * step. The waiting call has not changed anything yet, so the step may run callbacks. Otherwise a program whose
     * threads run steps only in such waits would never run callbacks.
     */
    @GuardedBy("work")
    private void step() {
        work.unlock();
        try {
            if (!settings.housekeeping.step()) {
                LockSupport.parkNanos(this, Housekeeping.INVOKING_PAUSE);
            }
        } finally {
            work.lock();
        }
    }

    @GuardedBy("work")
    private void noteLoad() {
        boolean isAtBound = callbacks + tasks >= settings.bound;
        if (isFull != isAtBound) {
            isFull = isAtBound;
            if (isAtBound) {
                settings.housekeeping.notice.keep();
            } else {
                settings.housekeeping.notice.release();
            }
        }
    }

    /** Records the number of waiting callbacks. */
    @GuardedBy("work")
    private void counted() {
        int pending = waiting.size();
        boolean isFewer = pending < callbacks;
        callbacks = pending;
        noteLoad();
        if (isFewer) {
            room.signalAll();
        }
    }

    /**
     * A reader: whether it is in a section, and in which one.
     *
     * <p>One thread at a time uses it, its owner; {@link Rcu} reads its word. Sections nest. The start of a section
     * costs one volatile store, the end one release store. Neither allocates.
     */
    public static final class Reader extends ReaderWord {
        private final String name;

        /**
         * The name of the thread that uses this reader, for reports; null if none is known. The name and not the
         * thread, because the reader of an idle CPU would keep an ended thread reachable.
         *
         * <p>Written: the thread that claims or hands over the CPU of the reader, or to which the CPU is lent, if that
         *     changes the name (volatile).
         * Read: that thread; a thread that reports a reader (volatile).
         * Invariant: used only for reports, because the owner may have changed since.
         */
        private volatile @Nullable String owner;

        /* Only the owner uses these. */
        private long entered;
        private int depth;

        private Reader(String name) {
            this.name = name;
        }

        /** Starts a section, or a nested one ({@code rcu_read_lock}). Never waits, and excludes no thread. */
        public void readLock() {
            if (depth++ == 0) {
                // A volatile store, before every load of the section. Pairs with the fence of scan.
                setSectionVolatile(++entered);
            }
        }

        /**
         * Ends the innermost section ({@code rcu_read_unlock}).
         *
         * @throws IllegalStateException if the reader is not in a section; then this changes nothing
         */
        public void readUnlock() {
            if (depth == 0) {
                throw new IllegalStateException("reader " + name() + " leaves a section that it is not in");
            }
            if (--depth == 0) {
                // A release store, after every access of the section. Pairs with the scans, and with the reads of the
                // section number after a scan.
                setSectionRelease(0);
            }
        }

        /** Ends all sections, including one whose {@link #readUnlock} was cut short by an Error. */
        public void readUnlockAll() {
            depth = 0;
            if (sectionPlain() != 0) {
                // Like readUnlock.
                setSectionRelease(0);
            }
        }

        /**
         * Returns whether the owner is in a section. Called only by the owner.
         *
         * @return whether it is in a section
         */
        public boolean isReading() {
            return depth != 0;
        }

        /** Sets the thread that uses this reader, for reports; null if there is none. */
        public void ownedBy(@Nullable Thread thread) {
            String next = thread == null ? null : thread.getName();
            if (!Objects.equals(owner, next)) {
                owner = next;
            }
        }

        /** Returns the reader's name in reports, which includes the current owner. */
        public String name() {
            String of = owner;
            return of == null ? name : name + " of thread " + of;
        }

        @Override
        public String toString() {
            return name();
        }
    }

    /** The word of a reader, alone on its cache lines; the fields after it belong to the reader. */
    private abstract static class ReaderWord extends Padding {
        private static final VarHandle SECTION = ConstantBootstraps.fieldVarHandle(
                MethodHandles.lookup(), "section", VarHandle.class, ReaderWord.class, long.class);

        /**
         * The number of the section that the reader is in; 0 if it is in none. Numbers are never reused.
         *
         * <p>Written: the owner of the reader, at the start of a section (volatile) and at its end (release).
         * Read: a thread that scans, and then waits or polls, after a full fence (volatile); its owner, when it ends
         *     all of its sections together (plain).
         * Pairs: a reader sets the word, then loads entries; an updater clears the entry, fences (full), then scans the
         *     readers.
         * Invariant: 0 outside sections; no number is used twice. The store that ends a section comes after its last
         *     access.
         */
        private long section;

        final long sectionPlain() {
            return section;
        }

        final long sectionVolatile() {
            return (long) SECTION.getVolatile(this);
        }

        final void setSectionVolatile(long number) {
            SECTION.setVolatile(this, number);
        }

        final void setSectionRelease(long number) {
            SECTION.setRelease(this, number);
        }
    }

    /**
     * Detects waits in calls that must not wait: the calls that a machine with {@code checkOffers} makes in a reader
     * section. Every method that may wait calls {@link #check} first, which throws in such a call. The caller of {@link
     * #exit} learns of the first exception even if it was caught.
     *
     * <p>State is per thread, except for a flag that avoids the thread-local read as long as no machine with {@code
     * checkOffers} was built.
     */
    public static final class NoWaiting {
        private static final ThreadLocal<@Nullable NoWaiting> CURRENT = new ThreadLocal<>();

        /**
         * Whether a machine with {@code checkOffers} was built. Never reset.
         *
         * <p>Written: a thread that builds a machine with {@code checkOffers} (volatile).
         * Read: a thread that may have to wait (volatile).
         * Invariant: never reset. A machine is passed to other threads after it has been built, so each thread that
         *     works on such a machine sees the flag.
         */
        private static volatile boolean isUsed;

        private final String where;
        private @Nullable IllegalStateException first;

        private NoWaiting(String where) {
            this.where = where;
        }

        /** Records that a machine with {@code checkOffers} is built. Called before the first {@link #enter}. */
        public static void use() {
            isUsed = true;
        }

        /**
         * Starts a call in which this thread must not wait. Does not nest.
         *
         * @param where the call, for messages
         */
        public static void enter(String where) {
            CURRENT.set(new NoWaiting(where));
        }

        /**
         * Ends the call.
         *
         * @return the exception of the first attempt to wait, or null if there was none
         */
        public static @Nullable IllegalStateException exit() {
            NoWaiting ended = CURRENT.get();
            CURRENT.remove();
            return ended == null ? null : ended.first;
        }

        /** Returns whether this thread is in a call in which it must not wait. */
        public static boolean isEntered() {
            return isUsed && CURRENT.get() != null;
        }

        /**
         * Checks that this thread may wait. Called by methods that may have to wait, before they change anything.
         *
         * @param what the wait, for messages
         * @throws IllegalStateException if this thread must not wait
         */
        public static void check(String what) {
            if (isUsed) {
                NoWaiting current = CURRENT.get();
                if (current != null) {
                    IllegalStateException refused = new IllegalStateException(
                            what + " was called by " + current.where + ", which must not wait for anything");
                    if (current.first == null) {
                        current.first = refused;
                    }
                    throw refused;
                }
            }
        }
    }
}
