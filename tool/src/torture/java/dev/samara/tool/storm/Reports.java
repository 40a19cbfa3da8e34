// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.event.Report;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/**
 * The machine's latest reports, which are printed with the wait graph. A report of a failed callback is a violation; a
 * report of a long wait is not. Thread-safe.
 */
final class Reports implements Consumer<Report> {
    private static final int MOST = 64;

    private final Course course;
    private final Invariant silence;

    @GuardedBy("this")
    private final Deque<String> latest = new ArrayDeque<>();

    Reports(Course course, Invariant silence) {
        this.course = course;
        this.silence = silence;
    }

    @Override
    public void accept(Report report) {
        String text = course.now() + ": " + report.kind() + " " + report.message()
                + (report.cause() == null ? "" : " " + report.cause());
        synchronized (this) {
            if (latest.size() == MOST) {
                latest.removeFirst();
            }
            latest.addLast(text);
        }
        if (report.kind() == Report.Kind.CALLBACK_FAILED) {
            silence.broken(text);
        }
    }

    synchronized String text() {
        return String.join("\n", latest);
    }
}
