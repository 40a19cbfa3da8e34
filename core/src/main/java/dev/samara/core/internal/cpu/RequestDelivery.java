// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.event.StalledCpu;
import dev.samara.core.internal.trace.Tracepoints;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * Delivers the requests of shootdowns to CPUs, and reports and kicks CPUs that do not acknowledge in time. Thread-safe.
 */
final class RequestDelivery {
    /**
     * After the first check that finds a CPU late, the CPU gets another period before it is reported: the time of a
     * first check divided by this number. If the whole JVM was stopped, e.g. for a garbage collection, the CPU polls in
     * this period.
     */
    private static final int SECOND_CHECK = 4;

    private final long reportAfterNanos;
    private final Consumer<String> reporter;
    private final ShootdownDelivery delivery;
    private final Consumer<Throwable> failures;

    RequestDelivery(
            long reportAfterNanos,
            Consumer<String> reporter,
            ShootdownDelivery delivery,
            Consumer<Throwable> failures) {
        this.reportAfterNanos = reportAfterNanos;
        this.reporter = reporter;
        this.delivery = delivery;
        this.failures = failures;
    }

    /** Returns the argument {@code at} for the first {@link #check} in a wait. */
    long firstCheck() {
        return reportAfterNanos;
    }

    /**
     * Reports and kicks a CPU that did not acknowledge in time, at the second check that finds it late. Later checks of
     * the same wait kick it again.
     *
     * @param since the start of the wait, as {@link System#nanoTime}
     * @param at {@link #firstCheck}, or the result of the last check
     * @return the time since the start after which the CPU is late again, in nanoseconds; negated if the CPU was found
     *     late once but not reported yet
     */
    long check(CpuState cpu, TlbContext context, long generation, long since, long at) {
        long waited = System.nanoTime() - since;
        if (waited < Math.abs(at)) {
            return at;
        }
        if (at == reportAfterNanos) {
            return -(waited + reportAfterNanos / SECOND_CHECK);
        }
        stalled(cpu, context, generation, waited, at < 0);
        return waited + reportAfterNanos;
    }

    /** Makes a CPU find its request soon. Without delivery, the CPU finds it at its next poll. */
    void deliver(CpuState cpu) {
        Thread owner = cpu.owner();
        if (owner == null) {
            // The CPU was handed over, so it is not in GUEST any more.
            return;
        }
        try {
            delivery.deliver(cpu.name(), owner);
        } catch (Throwable thrown) {
            failures.accept(thrown);
        }
    }

    /** Calls the embedder to kick a CPU that did not acknowledge in time, and the first time also reports the CPU. */
    private void stalled(CpuState cpu, TlbContext context, long generation, long waited, boolean isFirst) {
        Thread owner = cpu.owner();
        if (owner == null) {
            return;
        }
        StalledCpu stalled = new StalledCpu(
                cpu.name(), owner, List.of(owner.getStackTrace()), context.id(), generation, Duration.ofNanos(waited));
        Tracepoints.stalledCpu(
                cpu.name(),
                owner,
                stalled.stack().isEmpty() ? null : stalled.stack().get(0),
                cpu.state(),
                context.space(),
                context.id(),
                generation,
                waited);
        if (isFirst) {
            reporter.accept(describe(cpu, context, stalled));
        }
        try {
            delivery.kick(stalled);
        } catch (Throwable thrown) {
            failures.accept(thrown);
        }
    }

    private static String describe(CpuState cpu, TlbContext context, StalledCpu stalled) {
        FlushLog.FlushedRange range = new FlushLog.FlushedRange();
        String what = context.log().read(stalled.generation(), range)
                ? String.format(Locale.ROOT, "0x%x-0x%x, %s, ", range.start(), range.end(), range.reason())
                : "";
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%s has not acknowledged a shootdown (%sgeneration %d of context %d) for %d ms; it is %s, and its"
                        + " thread at",
                cpu,
                what,
                stalled.generation(),
                stalled.context(),
                stalled.waited().toMillis(),
                cpu.state()));
        for (StackTraceElement element : stalled.stack()) {
            text.append(System.lineSeparator()).append("    ").append(element);
        }
        return text.toString();
    }
}
