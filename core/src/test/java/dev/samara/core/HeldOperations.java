// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Report;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.sync.Gate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A machine whose operations a test can hold between publication and completion, and threads that a test can see
 * waiting.
 */
public final class HeldOperations {
    /** The reports of the machine. */
    public final List<Report> reports = Collections.synchronizedList(new ArrayList<>());

    private final Machine machine;

    /** Taken by the next operation that has something to retire. */
    private final AtomicReference<@Nullable Hold> next = new AtomicReference<>();

    /** A machine with the settings of Linux. */
    public HeldOperations() {
        this(Machine.builder());
    }

    /** A machine that a test has described but for where it holds. */
    public HeldOperations(MachineBuilder builder) {
        machine = MachineInternals.machine(builder.reportTo(reports::add), this::retire);
    }

    /** A machine that reports a wait at once. */
    public static HeldOperations impatient() {
        return new HeldOperations(Machine.builder().reportWaitsLongerThan(Duration.ofNanos(1)));
    }

    public Machine machine() {
        return machine;
    }

    private void retire(InFlightRange range) {
        Hold hold = next.getAndSet(null);
        if (hold != null) {
            hold.enter();
        }
    }

    /** Starts an operation on a thread of its own; returns when it has published and is retiring, where it stays. */
    public Hold hold(Callable<Long> operation) throws InterruptedException {
        return hold(operation, () -> {});
    }

    /** Starts and holds an operation; once released, it runs {@code last} before its retire phase ends. */
    public Hold hold(Callable<Long> operation, Runnable last) throws InterruptedException {
        Hold hold = new Hold(last);
        assertTrue(next.compareAndSet(null, hold), "another one is about to be held");
        hold.caller = start(operation);
        hold.untilEntered();
        return hold;
    }

    /** Has the next operation of any thread held; to be used with {@link Hold#untilEntered}. */
    public Hold holdNext() {
        Hold hold = new Hold(() -> {});
        assertTrue(next.compareAndSet(null, hold), "another one is about to be held");
        return hold;
    }

    /** Has the next operation do something while it retires. */
    public void duringNext(Runnable callback) {
        Hold hold = new Hold(callback);
        hold.go.countDown();
        assertTrue(next.compareAndSet(null, hold), "another one is about to be held");
    }

    private static <T> Caller<T> start(Callable<T> call) {
        Caller<T> caller = new Caller<>(call);
        caller.thread.start();
        return caller;
    }

    /** Starts a call on a thread of its own; returns when that waits at a gate. */
    public static <T> Caller<T> waits(Callable<T> call) {
        Caller<T> caller = start(call);
        assertTrue(caller.comesToWait(), () -> "should have waited, but returned " + caller.describe());
        return caller;
    }

    /** Makes a call on another thread, and returns its result; it must not wait at a gate for anything. */
    public static <T> T atOnce(Callable<T> call) throws Exception {
        Caller<T> caller = start(call);
        Object waitedFor = caller.comesToWait() ? LockSupport.getBlocker(caller.thread) : null;
        if (waitedFor != null) {
            throw new AssertionError("should not have waited for " + waitedFor);
        }
        return caller.result();
    }

    /** A call on its way on another thread. */
    public static final class Caller<T> {
        private final FutureTask<T> task;
        public final Thread thread;

        private Caller(Callable<T> call) {
            task = new FutureTask<>(call);
            thread = new Thread(task, "caller");
            thread.setDaemon(true);
        }

        /** Until it is parked at a gate (true) or is done (false). */
        public boolean comesToWait() {
            boolean[] waits = {false};
            Await.until("the call waits or is done", () -> task.isDone() || (waits[0] = isAtShutGate()), thread);
            return waits[0];
        }

        private boolean isAtShutGate() {
            return LockSupport.getBlocker(thread) instanceof Gate gate && !gate.isOpen();
        }

        /** Until it waits at another gate than before. */
        public void comesToWaitFor(String what) {
            Await.until(
                    "the call waits for " + what,
                    () -> task.isDone()
                            || String.valueOf(LockSupport.getBlocker(thread)).contains(what),
                    thread);
            assertFalse(task.isDone(), () -> "should have waited for " + what + ", but returned " + describe());
        }

        public boolean isDone() {
            return task.isDone();
        }

        /** Its result, once it has one. Its exceptions are thrown. */
        public T result() throws Exception {
            try {
                return task.get();
            } catch (ExecutionException thrown) {
                if (thrown.getCause() instanceof Exception exception) {
                    throw exception;
                }
                throw new AssertionError(thrown.getCause());
            }
        }

        private String describe() {
            try {
                return String.valueOf(task.get());
            } catch (InterruptedException | ExecutionException thrown) {
                return String.valueOf(thrown);
            }
        }
    }

    /** An operation that is held while it retires. */
    public static final class Hold {
        private final CountDownLatch entered = new CountDownLatch(1);
        private final CountDownLatch go = new CountDownLatch(1);
        private final Runnable last;
        private volatile @Nullable Thread retirer;
        private @Nullable Caller<Long> caller;

        private Hold(Runnable last) {
            this.last = last;
        }

        private void enter() {
            retirer = Thread.currentThread();
            entered.countDown();
            boolean interrupted = false;
            while (go.getCount() != 0) {
                try {
                    go.await();
                } catch (InterruptedException remembered) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
            last.run();
        }

        public void untilEntered() throws InterruptedException {
            entered.await();
        }

        /** The thread that retires it. */
        public Thread retirer() {
            Thread thread = retirer;
            if (thread == null) {
                throw new AssertionError("not there yet");
            }
            return thread;
        }

        /** Lets it go on. */
        public void letGo() {
            go.countDown();
        }

        /** Lets it go on, and returns its result once it has returned. */
        public long end() throws Exception {
            letGo();
            if (caller == null) {
                throw new AssertionError("not started by this");
            }
            return caller.result();
        }

        /** Lets it go on to success. */
        public void endWith(long result) throws Exception {
            assertEquals(result, end());
        }
    }
}
