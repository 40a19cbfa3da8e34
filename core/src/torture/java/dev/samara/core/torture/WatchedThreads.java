// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads of a torture, each of which is watched. If a thread makes no progress, the run ends with a description of
 * what all threads wait for.
 */
final class WatchedThreads implements AutoCloseable {
    /** Far longer than any step. */
    static final Duration PATIENCE = Duration.ofSeconds(60);

    private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final TortureRun run;
    private final Checker calls;
    private final Checker progress;
    private final long patienceNanos;
    private final List<Member> members = new CopyOnWriteArrayList<>();
    private final Thread watchdog = new Thread(this::look, "watchdog");
    private volatile boolean closed;

    /**
     * Creates a group without threads, which is not watched yet.
     *
     * @param calls is notified of the threads' exceptions
     * @param progress is notified of a thread whose step takes longer than {@code patience}
     */
    WatchedThreads(TortureRun run, Checker calls, Checker progress, Duration patience) {
        this.run = run;
        this.calls = calls;
        this.progress = progress;
        patienceNanos = patience.toNanos();
        watchdog.setDaemon(true);
    }

    /** Starts to watch the threads, including those that are started later. */
    void watch() {
        watchdog.start();
    }

    /** One thread. */
    static final class Member extends Thread {
        /** The {@link System#nanoTime} at which the current step started. */
        volatile long progress = System.nanoTime();

        private Member(Runnable work, String name) {
            super(work, name);
            setDaemon(true);
        }
    }

    /** Starts a thread. Anything that it throws is a violation. */
    Thread start(String name, Runnable work) {
        Member member = new Member(() -> attempt(name, work), name);
        members.add(member);
        member.start();
        return member;
    }

    private void attempt(String name, Runnable work) {
        try {
            work.run();
        } catch (RuntimeException | AssertionError | StackOverflowError | OutOfMemoryError thrown) {
            StringWriter stack = new StringWriter();
            // The stack becomes part of the violation's text, instead of going to the console.
            thrown.printStackTrace(new PrintWriter(stack));
            calls.violated(name + ": " + stack);
        }
    }

    /** Waits until all threads ended, or one makes no progress. Returns whether all ended. */
    boolean awaitEnd() throws InterruptedException {
        for (Member member : members) {
            while (member.isAlive() && !run.isStalled()) {
                member.join(100);
            }
        }
        return !run.isStalled();
    }

    private void look() {
        while (!closed && !run.isStalled()) {
            LockSupport.parkNanos(this, Math.max(1, Math.min(patienceNanos / 4, LOOK_NANOS)));
            for (Member member : members) {
                long age = System.nanoTime() - member.progress;
                if (member.isAlive() && age > patienceNanos) {
                    progress.violated(member.getName() + " has made no progress for " + age / 1_000_000
                            + " ms\nThe wait of each thread:\n" + WaitGraph.edges()
                            + "The last reports of the machines:\n" + run.reports() + "\nAll threads:\n"
                            + WaitGraph.stacks());
                    run.stall();
                    return;
                }
            }
            progress.check(true, "");
        }
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(watchdog);
    }
}
