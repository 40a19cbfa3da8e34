// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.sync.ReporterFailure;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Sends a machine's reports to the embedder's reporter: callback exceptions, long waits, and other conditions that
 * cannot be returned to a caller. An exception from the reporter itself goes to {@link ReporterFailure}. Thread-safe.
 */
final class MachineReports {
    private final Consumer<? super Report> reporter;

    /**
     * Whether accesses outside GUEST were reported, which is done once.
     *
     * <p>Written: a thread whose CPU made many accesses outside GUEST (get-and-set).
     * Read: not at all.
     * Invariant: never reset; one thread of the machine sends the report.
     */
    private final AtomicBoolean hasReportedOutside = new AtomicBoolean();

    MachineReports(Consumer<? super Report> reporter) {
        this.reporter = reporter;
    }

    /**
     * Calls the reporter. Caller must hold no lock of a layout.
     *
     * @param kind the kind of the report
     * @param message the event
     * @param cause the exception, or null
     */
    void report(Report.Kind kind, String message, @Nullable Throwable cause) {
        try {
            report(new Report(kind, message, cause));
        } catch (Throwable thrown) {
            ReporterFailure.report(thrown);
        }
    }

    /** Calls the reporter, and allocates nothing itself. Caller must hold no lock of a layout. */
    void report(Report made) {
        try {
            reporter.accept(made);
        } catch (Throwable thrown) {
            ReporterFailure.report(thrown);
        }
    }

    void reportLongWait(String waiting, Object blocker, Thread waiter, long nanos) {
        report(
                Report.Kind.LONG_WAIT,
                waiting + " on thread " + waiter.getName() + " waited " + TimeUnit.NANOSECONDS.toMillis(nanos)
                        + " ms for " + blocker,
                null);
    }

    /** Reports that the calling thread makes its accesses outside GUEST, unless such a thread was reported before. */
    void reportOutsideGuest(String cpu, int accesses) {
        if (hasReportedOutside.getAndSet(true)) {
            return;
        }
        Thread thread = Thread.currentThread();
        report(
                Report.Kind.ACCESSES_OUTSIDE_GUEST,
                String.format(
                        Locale.ROOT,
                        "%s of thread %s has made %,d loads and stores outside GUEST, one by one: it has to enter GUEST"
                                + " first; its thread is at%s",
                        cpu,
                        thread.getName(),
                        accesses,
                        Arrays.stream(thread.getStackTrace())
                                .map(line -> System.lineSeparator() + "    " + line)
                                .collect(Collectors.joining())),
                null);
    }

    void reportFailedTask(Throwable thrown) {
        report(Report.Kind.CALLBACK_FAILED, "a task in the background", thrown);
    }
}
