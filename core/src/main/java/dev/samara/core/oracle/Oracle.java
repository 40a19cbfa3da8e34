// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.oracle;

import dev.samara.core.vma.InvariantViolation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/**
 * What a checked machine knows of calls that take something away, and whom it tells of violations. Thread-safe.
 *
 * <p>A call {@linkplain #begin begins} before it changes anything, and {@linkplain #end ends} when nobody may use any more what it
 * took: before its caller gets its result.
 */
public final class Oracle {
    /** In place of a context: of every space. */
    public static final long ANY = 0;

    private static final int CPU_EVENTS = 512;
    private static final int CALL_EVENTS = 4096;

    /** A call that is running. */
    public static final class Taking {
        private final String what;
        private final long context;
        private final long start;
        private final long end;

        private Taking(String what, long context, long start, long end) {
            this.what = what;
            this.context = context;
            this.start = start;
            this.end = end;
        }

        private boolean concerns(long wanted, long address) {
            return (context == wanted || context == ANY)
                    && (start == end
                            || (Long.compareUnsigned(start, address) <= 0 && Long.compareUnsigned(address, end) < 0));
        }
    }

    private final Consumer<String> reporter;
    private final AtomicLong events = new AtomicLong();
    private final LongAdder judged = new LongAdder();
    private final LongAdder late = new LongAdder();
    private final LongAdder violations = new LongAdder();
    private final History calls = new History(this, CALL_EVENTS);

    /** Guarded by itself. */
    private final List<Taking> running = new ArrayList<>();

    /**
     * Makes an oracle that has seen nothing.
     *
     * @param reporter who is told of violations; must not throw
     */
    public Oracle(Consumer<String> reporter) {
        this.reporter = reporter;
    }

    long next() {
        return events.incrementAndGet();
    }

    /**
     * Makes the history of one CPU.
     *
     * @return an empty one
     */
    public History newHistory() {
        return new History(this, CPU_EVENTS);
    }

    /**
     * Notes that a call begins that may take something away.
     *
     * @param what which
     * @param context the space's, or {@link #ANY}
     * @param start the first address
     * @param end behind the last; the same for all of the space
     * @return what ends it
     */
    public Taking begin(String what, long context, long start, long end) {
        Taking taking = new Taking(what, context, start, end);
        synchronized (running) {
            running.add(taking);
        }
        calls.add("begins: " + what, 0, context, start, end);
        return taking;
    }

    /**
     * Notes that it has ended: what it took is not used from here on.
     *
     * @param taking what began
     */
    public void end(Taking taking) {
        calls.add("ends: " + taking.what, 0, taking.context, taking.start, taking.end);
        synchronized (running) {
            // The latest are at the end.
            for (int i = running.size() - 1; i >= 0; i--) {
                if (running.get(i) == taking) {
                    running.remove(i);
                    return;
                }
            }
        }
        throw new IllegalStateException(taking.what + " has ended already");
    }

    /** Notes that an access was found right. */
    public void judged() {
        judged.increment();
    }

    /**
     * Whether a call that may take an address away has begun and not ended. Asked by a CPU that has used a translation which is
     * out of date, and that has acknowledged nothing since: whoever made it out of date waits for that CPU.
     *
     * @param context of the space
     * @param address an address
     * @return true if so
     */
    public boolean isTaking(long context, long address) {
        late.increment();
        synchronized (running) {
            for (Taking taking : running) {
                if (taking.concerns(context, address)) {
                    return true;
                }
            }
        }
        return false;
    }

    /**
     * Reports a violation.
     *
     * @param invariant which
     * @param what what was seen
     * @param context of the space
     * @param address where
     * @param cpu what the CPU did
     * @return what is to be thrown
     */
    public InvariantViolation violated(String invariant, String what, long context, long address, History cpu) {
        violations.increment();
        StringBuilder text = new StringBuilder(what).append(System.lineSeparator());
        text.append(" the CPU:").append(System.lineSeparator());
        cpu.of(context, address).forEach(line -> text.append(line).append(System.lineSeparator()));
        text.append(" the calls:").append(System.lineSeparator());
        calls.of(context, address).forEach(line -> text.append(line).append(System.lineSeparator()));
        InvariantViolation violation = new InvariantViolation(invariant, text.toString());
        reporter.accept(String.valueOf(violation.getMessage()));
        return violation;
    }

    /**
     * How many accesses were held against the page table.
     *
     * @return a number that only grows
     */
    public long accesses() {
        return judged.sum();
    }

    /**
     * How many of them used what was out of date: while a call that takes it away was running, or there was a violation.
     *
     * @return a number that only grows
     */
    public long late() {
        return late.sum();
    }

    /**
     * How many violations there were.
     *
     * @return a number that only grows
     */
    public long violations() {
        return violations.sum();
    }
}
