// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.schedule;

import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Replacements of the JDK's methods about threads and time, which instrumented code calls. Each has the name of the
 * original; its first argument is the receiver, and its last argument is the site of the call.
 */
public final class Threads {
    private Threads() {}

    private static void step(SteppedThread self, Object base, String name, String text, String site) {
        Access access = new Access(Access.Kind.WRITE, base, -1, name, text, site);
        self.run0().reach(self, access, null, SteppedThread.NEVER, null);
    }

    public static void park(String site) {
        SteppedThread self = Steps.self();
        if (self != null) {
            park(self, SteppedThread.NEVER, null, site);
        }
    }

    public static void park(@Nullable Object blocker, String site) {
        SteppedThread self = Steps.self();
        if (self != null) {
            park(self, SteppedThread.NEVER, blocker, site);
        }
    }

    public static void parkNanos(long nanos, String site) {
        parkNanos(null, nanos, site);
    }

    public static void parkNanos(@Nullable Object blocker, long nanos, String site) {
        SteppedThread self = Steps.self();
        if (self != null && nanos > 0) {
            park(self, after(self, nanos), blocker, site);
        }
    }

    static long after(SteppedThread self, long nanos) {
        long now = self.run0().now();
        return nanos > SteppedThread.NEVER - now ? SteppedThread.NEVER : now + nanos;
    }

    private static void park(SteppedThread self, long deadline, @Nullable Object blocker, String site) {
        Access access = new Access(Access.Kind.WRITE, self, -1, "permit", "park", site);
        String waitsFor = blocker == null ? "a permit" : "a permit, parked at " + type(blocker);
        self.run0().reach(self, access, () -> self.permit || self.interrupted, deadline, waitsFor);
        self.permit = false;
    }

    private static String type(Object of) {
        return of.getClass().getSimpleName();
    }

    public static void unpark(@Nullable Thread thread, String site) {
        SteppedThread self = Steps.self();
        if (thread instanceof SteppedThread other) {
            if (self != null) {
                step(self, other, "permit", "unpark " + other.getName(), site);
            }
            other.permit = true;
        } else {
            LockSupport.unpark(thread);
        }
    }

    public static void onSpinWait(String site) {
        Steps.reach(Access.Kind.SPIN, null, -1, "", "spin", site);
    }

    @SuppressWarnings("NamedLikeContextualKeyword") // The name must be the same as that of the replaced method.
    public static void yield(String site) {
        onSpinWait(site);
    }

    public static void sleep(long millis, String site) throws InterruptedException {
        SteppedThread self = Steps.self();
        if (self == null) {
            // Called by production code outside of a run; this replaces its call to sleep.
            Thread.sleep(millis);
            return;
        }
        Access access = new Access(Access.Kind.WRITE, self, -1, "permit", "sleep", site);
        long deadline = after(self, TimeUnit.MILLISECONDS.toNanos(millis));
        self.run0().reach(self, access, () -> self.interrupted, deadline, "the clock");
        if (interrupted(site)) {
            throw new InterruptedException();
        }
    }

    public static boolean interrupted(String site) {
        SteppedThread self = Steps.self();
        if (self == null) {
            return Thread.interrupted();
        }
        step(self, self, "permit", "interrupted", site);
        boolean was = self.interrupted;
        self.interrupted = false;
        return was;
    }

    public static boolean isInterrupted(Thread thread, String site) {
        if (thread instanceof SteppedThread other) {
            Steps.reach(Access.Kind.READ, other, -1, "permit", "isInterrupted", site);
            return other.interrupted;
        }
        return thread.isInterrupted();
    }

    public static void interrupt(Thread thread, String site) {
        SteppedThread self = Steps.self();
        if (thread instanceof SteppedThread other) {
            if (self != null) {
                step(self, other, "permit", "interrupt " + other.getName(), site);
            }
            other.interrupted = true;
            other.permit = true;
        } else {
            thread.interrupt();
        }
    }

    public static boolean isAlive(Thread thread, String site) {
        if (thread instanceof SteppedThread other) {
            Steps.reach(Access.Kind.READ, other, -1, "end", "isAlive " + other.getName(), site);
            return other.started && !other.finished;
        }
        return thread.isAlive();
    }

    public static void join(Thread thread, String site) throws InterruptedException {
        SteppedThread self = Steps.self();
        if (self != null && thread instanceof SteppedThread other) {
            Access access = new Access(Access.Kind.WRITE, other, -1, "end", "join " + other.getName(), site);
            self.run0().reach(self, access, () -> other.finished, SteppedThread.NEVER, other.getName());
        } else {
            thread.join();
        }
    }

    public static void wait(Object of, String site) throws InterruptedException {
        SteppedThread self = Steps.self();
        if (self == null) {
            throw new IllegalMonitorStateException("waits on a thread of no run");
        }
        Monitor monitor = self.run0().monitor(of);
        int holds = monitor.holds;
        int seen = monitor.notified;
        step(self, of, "monitor " + monitor.name(), "wait", site);
        monitor.owner = null;
        monitor.holds = 0;
        Access wake = new Access(Access.Kind.WRITE, of, -1, "monitor " + monitor.name(), "wake", site);
        self.run0()
                .reach(
                        self,
                        wake,
                        () -> monitor.owner == null && (monitor.notified != seen || self.interrupted),
                        SteppedThread.NEVER,
                        "a notification of " + monitor);
        monitor.owner = self;
        monitor.holds = holds;
        if (monitor.notified == seen) {
            self.interrupted = false;
            throw new InterruptedException();
        }
    }

    public static void notifyAll(Object of, String site) {
        SteppedThread self = Steps.self();
        if (self != null && !self.run0().isOver()) {
            Monitor monitor = self.run0().monitor(of);
            step(self, of, "monitor " + monitor.name(), "notifyAll", site);
            monitor.notified++;
        }
    }

    public static long nanoTime() {
        SteppedThread self = Steps.self();
        return self == null ? System.nanoTime() : self.run0().time();
    }

    public static long nanoTime(String site) {
        return nanoTime();
    }

    /** Returns a constant, because a run must not depend on the machine. */
    public static int availableProcessors(Runtime runtime, String site) {
        return 2;
    }

    /** Returns null in a run, because garbage collection is not part of a run. */
    public static @Nullable Reference<?> poll(ReferenceQueue<?> queue, String site) {
        return Steps.self() == null ? queue.poll() : null;
    }
}
