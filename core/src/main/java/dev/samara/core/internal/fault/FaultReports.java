// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.fault;

import dev.samara.core.event.Report;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.vma.BackingTraits;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * The reports of one fault handler about backings. They are delivered outside of reader sections, because a listener
 * may wait for the section to end.
 */
final class FaultReports {
    private final MachineState host;
    private final Rcu.Reader reader;

    /** Reports to be delivered once no section is open. */
    private final ArrayDeque<Report> pending = new ArrayDeque<>(1);

    FaultReports(MachineState host, Rcu.Reader reader) {
        this.host = host;
        this.reader = reader;
    }

    /** Reports an exception of a backing. */
    void backing(String call, BackingTraits traits, Throwable thrown) {
        add(new Report(Report.Kind.CALLBACK_FAILED, call + " of " + nameOf(traits), thrown));
    }

    /** Reports a backing that took too long in a call in which it must not block. */
    void longOffer(BackingTraits traits, long nanos) {
        long micros = TimeUnit.NANOSECONDS.toMicros(nanos);
        String message = "rcuMapPages of " + nameOf(traits) + " took " + micros + " us, and must not block";
        add(new Report(Report.Kind.LONG_WAIT, message, null));
    }

    private static String nameOf(BackingTraits traits) {
        return traits.backing().getClass().getName();
    }

    private void add(Report report) {
        pending.add(report);
        if (!reader.isReading()) {
            deliver();
        }
    }

    /** Delivers the reports. The caller is not in a reader section. */
    void deliver() {
        for (Report report = pending.poll(); report != null; report = pending.poll()) {
            host.report(report.kind(), report.message(), report.cause());
        }
    }
}
