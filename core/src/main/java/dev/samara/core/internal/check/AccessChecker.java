// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import dev.samara.core.event.InvariantViolation;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a checked machine knows of calls that take something away, and whom it tells of violations. Thread-safe.
 *
 * <p>A call {@linkplain #begin begins} before it changes anything, and ends when nobody may use any more what it
 * took: before its caller gets its result.
 */
public final class AccessChecker {
    /** In place of a space: every one. */
    public static final long ANY = 0;

    /** Taken away: the mark that a page was used or written, without which a TLB must not have it. */
    public static final int MARK = 1;

    /** Taken away: the right to write. */
    public static final int WRITE = 2;

    /** Taken away: the page, and any right. */
    public static final int PAGE = 4;

    /** All of these. */
    public static final int ALL = PAGE | WRITE | MARK;

    private static final int CPU_EVENTS = 512;
    private static final int CALL_EVENTS = 4096;

    /** A call that is running; closed when nobody may use any more what it took. */
    public static final class Revocation implements AutoCloseable {
        private final AccessChecker oracle;
        private final String what;
        private final int kind;
        private final long space;
        private final long start;
        private final long end;

        private Revocation(AccessChecker oracle, String what, int kind, long space, long start, long end) {
            this.oracle = oracle;
            this.what = what;
            this.kind = kind;
            this.space = space;
            this.start = start;
            this.end = end;
        }

        private boolean concerns(long wanted, long address) {
            return (space == wanted || space == ANY)
                    && (start == end
                            || (Long.compareUnsigned(start, address) <= 0 && Long.compareUnsigned(address, end) < 0));
        }

        @Override
        public void close() {
            oracle.end(this);
        }
    }

    private final Consumer<String> reporter;
    private final AtomicLong events = new AtomicLong();
    private final LongAdder judged = new LongAdder();
    private final LongAdder late = new LongAdder();
    private final History calls = new History(this, CALL_EVENTS);

    /** Guarded by itself. */
    private final List<Revocation> running = new ArrayList<>();

    /**
     * Makes an oracle that has seen nothing.
     *
     * @param reporter who is told of violations; must not throw
     */
    public AccessChecker(Consumer<String> reporter) {
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
     * @param kind what it may take: {@link #ALL}, or bits of it
     * @param space the space's number, or {@link #ANY}
     * @param start the first address
     * @param end behind the last; the same for all of the space
     * @return what ends it
     */
    public Revocation begin(String what, int kind, long space, long start, long end) {
        Revocation taking = new Revocation(this, what, kind, space, start, end);
        synchronized (running) {
            running.add(taking);
        }
        calls.add("begins: " + what, 0, space, start, end);
        return taking;
    }

    /**
     * The same, where there may be nobody who judges.
     *
     * @param oracle who judges, or null
     * @param what which
     * @param kind what it may take
     * @param space the space's number, or {@link #ANY}
     * @param start the first address
     * @param end behind the last; the same for all of the space
     * @return what ends it; null if nobody judges
     */
    public static @Nullable Revocation taking(
            @Nullable AccessChecker oracle, String what, int kind, long space, long start, long end) {
        return oracle == null ? null : oracle.begin(what, kind, space, start, end);
    }

    private void end(Revocation taking) {
        calls.add("ends: " + taking.what, 0, taking.space, taking.start, taking.end);
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

    /** Counts an access that is judged. */
    public void judged() {
        judged.increment();
    }

    /**
     * Whether calls that may take something away from an address have begun and not ended. Asked by a CPU that has used
     * a translation which is out of date, and that has acknowledged nothing since: whoever made it out of date waits
     * for that CPU.
     *
     * @param space the space's number
     * @param address an address
     * @param missing what the translation has, and the page table or the layout has not
     * @return true if so, for each of it
     */
    public boolean isTaking(long space, long address, int missing) {
        late.increment();
        int taken = 0;
        synchronized (running) {
            for (Revocation taking : running) {
                if (taking.concerns(space, address)) {
                    taken |= taking.kind;
                }
            }
        }
        return (taken & missing) == missing;
    }

    /**
     * Reports a violation.
     *
     * @param invariant which
     * @param what what was seen
     * @param space the space's number
     * @param address where
     * @param cpu what the CPU did
     * @return what is to be thrown
     */
    public InvariantViolation violated(String invariant, String what, long space, long address, History cpu) {
        StringBuilder text = new StringBuilder(what).append(System.lineSeparator());
        text.append(" the CPU:").append(System.lineSeparator());
        cpu.of(space, address).forEach(line -> text.append(line).append(System.lineSeparator()));
        text.append(" the calls:").append(System.lineSeparator());
        calls.of(space, address).forEach(line -> text.append(line).append(System.lineSeparator()));
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
     * How many of them used what was out of date: while a call that takes it away was running, or there was a
     * violation.
     *
     * @return a number that only grows
     */
    public long late() {
        return late.sum();
    }
}
