// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Collects the incidents of this JVM, which are not printed, until a test takes them. {@link IncidentCheck} fails a
 * test that does not take one. Incidents may come from any thread at any time.
 */
public final class Incidents {
    /**
     * The parent of the library's loggers. The field keeps it alive, because a logger without references is collected
     * and loses its handlers.
     */
    private static final Logger LIBRARY = Logger.getLogger("dev.samara");

    /** The maximum number of incidents in the message of a failure. */
    private static final int SHOWN = 20;

    /* How long an expected incident is waited for, and the pauses of this wait. */
    private static final long PATIENCE_NANOS = 30_000_000_000L;
    private static final long PAUSE_NANOS = 100_000;

    private static final Queue<Incident> UNTAKEN = new ConcurrentLinkedQueue<>();

    private static final Handler HANDLER = new Handler() {
        @Override
        public void publish(LogRecord logged) {
            add(logged.getMessage(), logged.getThrown());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    private static volatile String now = "";

    private Incidents() {}

    /** Starts collecting. Closing the result stops it, and fails if an incident is left. */
    static AutoCloseable collect() {
        boolean prints = LIBRARY.getUseParentHandlers();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        LIBRARY.addHandler(HANDLER);
        LIBRARY.setUseParentHandlers(false);
        Thread.setDefaultUncaughtExceptionHandler(
                (thread, thrown) -> add("thread " + thread.getName() + " ends with " + thrown, thrown));
        return () -> {
            Thread.setDefaultUncaughtExceptionHandler(before);
            LIBRARY.setUseParentHandlers(prints);
            LIBRARY.removeHandler(HANDLER);
            refuse(any -> true);
        };
    }

    private static void add(String text, @Nullable Throwable cause) {
        UNTAKEN.add(new Incident(now, text, cause));
    }

    /** Sets the test to which the following incidents are attributed. */
    static void enter(String test) {
        now = test;
    }

    /** Removes the incidents that match; fails with all of them if there are any. */
    static void refuse(Predicate<Incident> kind) {
        List<Incident> left = new ArrayList<>();
        for (Iterator<Incident> all = UNTAKEN.iterator(); all.hasNext(); ) {
            Incident next = all.next();
            if (kind.test(next)) {
                all.remove();
                left.add(next);
            }
        }
        if (!left.isEmpty()) {
            throw failure(left.size() + " unexpected", left);
        }
    }

    /**
     * Takes the first incident whose text starts with {@code start}, which the test expects. Waits for it for some
     * seconds, because a thread may be on its way to its end; fails if there is none.
     *
     * @param start the start of the text; a report starts with its kind
     * @return the incident
     */
    public static Incident take(String start) {
        long begun = System.nanoTime();
        Incident taken = takeNow(start);
        while (taken == null) {
            if (System.nanoTime() - begun > PATIENCE_NANOS) {
                throw failure("no incident \"" + start + "\", but " + UNTAKEN.size(), UNTAKEN);
            }
            LockSupport.parkNanos(PAUSE_NANOS);
            taken = takeNow(start);
        }
        return taken;
    }

    private static @Nullable Incident takeNow(String start) {
        for (Iterator<Incident> all = UNTAKEN.iterator(); all.hasNext(); ) {
            Incident next = all.next();
            if (next.text().startsWith(start)) {
                all.remove();
                return next;
            }
        }
        return null;
    }

    private static AssertionError failure(String what, Collection<Incident> incidents) {
        StringBuilder text = new StringBuilder(what);
        incidents.stream().limit(SHOWN).forEach(each -> text.append("\n    ").append(each));
        if (incidents.size() > SHOWN) {
            text.append("\n    and more");
        }
        AssertionError failure = new AssertionError(text.toString());
        for (Incident each : incidents.stream().limit(SHOWN).toList()) {
            if (each.cause() != null) {
                failure.addSuppressed(each.cause());
            }
        }
        return failure;
    }
}
