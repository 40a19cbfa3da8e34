// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.check;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.event.InvariantViolation;
import dev.samara.core.internal.sync.Addresses;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Records the running revocations of a checked machine, and reports violations. Thread-safe.
 *
 * <p>A revocation {@linkplain #begin begins} before its call changes any state. It ends when no thread may use the
 * revoked pages or rights any more, before the call returns its result.
 */
public final class AccessChecker {
    /** Revokes the mark that a page was used or written. Without the mark, a TLB must not contain the page. */
    public static final int MARK = 1;

    /** Revokes the right to write. */
    public static final int WRITE = 2;

    /** Revokes the page, with every right. */
    public static final int PAGE = 4;

    /** All of these kinds. */
    public static final int ALL = PAGE | WRITE | MARK;

    private static final int CPU_EVENTS = 512;
    private static final int CALL_EVENTS = 4096;

    /** A running revocation. It is closed when no thread may use the revoked pages or rights any more. */
    public final class Revocation implements AutoCloseable {
        private final String what;
        private final int kind;
        private final long space;
        private final long start;
        private final long end;

        private Revocation(String what, int kind, long space, long start, long end) {
            this.what = what;
            this.kind = kind;
            this.space = space;
            this.start = start;
            this.end = end;
        }

        private boolean concerns(long wanted, long address) {
            return (space == wanted || space == History.ANY)
                    && (start == end || Addresses.contains(start, end, address));
        }

        @Override
        public void close() {
            calls.add("ends: " + what, 0, space, start, end);
            synchronized (running) {
                // Searches from the end, where the latest revocations are.
                for (int i = running.size() - 1; i >= 0; i--) {
                    if (running.get(i) == this) {
                        running.remove(i);
                        return;
                    }
                }
            }
            throw new IllegalStateException(what + " has ended already");
        }
    }

    private final Consumer<String> reporter;

    /**
     * Written: under the name {@code History.numbers}, which is documented there.
     * Read: under the name {@code History.numbers}, which is documented there.
     * Invariant: the number of the last event of a checked machine; all its histories share this word.
     */
    private final AtomicLong events = new AtomicLong();

    /**
     * Words: {@code accesses}, {@code staleAccesses}.
     * Written: a CPU that made an access (adder).
     * Read: any thread (sum).
     * Invariant: counts for statistics; exact once no CPU makes accesses. They order nothing.
     */
    private final LongAdder accesses = new LongAdder();

    private final LongAdder staleAccesses = new LongAdder();
    private final History calls = new History(events, CALL_EVENTS);

    /**
     * Written: a thread that starts or ends a revocation (monitor).
     * Read: a CPU that used a stale translation (monitor).
     * Pairs: a thread starts its revocation, then changes an entry. A CPU makes its access, reads the entry, then calls
     *     the checker. If the entry has changed, the revoking call is still waiting for this CPU, and so has not ended.
     * Invariant: every revocation, from before its first change until no CPU may use the revoked translations.
     */
    @GuardedBy("itself")
    private final List<Revocation> running = new ArrayList<>();

    /**
     * Creates a checker without records.
     *
     * @param reporter receives reports of violations; must not throw
     */
    public AccessChecker(Consumer<String> reporter) {
        this.reporter = reporter;
    }

    /**
     * Creates the history of one CPU.
     *
     * @return an empty history
     */
    public History newHistory() {
        return new History(events, CPU_EVENTS);
    }

    /**
     * Begins a revocation. Called before the call changes any state.
     *
     * @param what the call, for messages
     * @param kind the kinds that the call may revoke: {@link #ALL}, or bits of it
     * @param space the space's number, or {@link History#ANY}
     * @param start the first address
     * @param end the end of the range, exclusive; equal to the start for the whole space
     * @return the revocation, to be closed by the caller
     */
    public Revocation begin(String what, int kind, long space, long start, long end) {
        Revocation revocation = new Revocation(what, kind, space, start, end);
        synchronized (running) {
            running.add(revocation);
        }
        calls.add("begins: " + what, 0, space, start, end);
        return revocation;
    }

    /**
     * Begins a revocation like {@link #begin}, if the machine is checked.
     *
     * @param checker the checker, or null if the machine is not checked
     * @param what the call, for messages
     * @param kind the kinds that the call may revoke
     * @param space the space's number, or {@link History#ANY}
     * @param start the first address
     * @param end the end of the range, exclusive; equal to the start for the whole space
     * @return the revocation, to be closed by the caller; null if the machine is not checked
     */
    public static @Nullable Revocation beginIfChecked(
            @Nullable AccessChecker checker, String what, int kind, long space, long start, long end) {
        return checker == null ? null : checker.begin(what, kind, space, start, end);
    }

    /** Counts an access that is checked. */
    public void countAccess() {
        accesses.increment();
    }

    /**
     * Returns whether running revocations explain that a translation is stale. Called by a CPU that used a stale
     * translation and has acknowledged no request since, so the operation that made the translation stale is still
     * waiting for this CPU.
     *
     * @param space the space's number
     * @param address an address
     * @param missing the kinds that the translation grants but the page table or the layout does not
     * @return whether a running revocation covers each of these kinds
     */
    public boolean isRevoking(long space, long address, int missing) {
        staleAccesses.increment();
        int taken = 0;
        synchronized (running) {
            for (Revocation revocation : running) {
                if (revocation.concerns(space, address)) {
                    taken |= revocation.kind;
                }
            }
        }
        return (taken & missing) == missing;
    }

    /**
     * Reports a violation.
     *
     * @param invariant the invariant's name
     * @param what the observation
     * @param space the space's number
     * @param address the address of the access
     * @param cpu the history of the CPU
     * @return the violation, to be thrown by the caller
     */
    public InvariantViolation report(String invariant, String what, long space, long address, History cpu) {
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
     * Returns the number of accesses that were checked against the page table.
     *
     * @return a number that only grows
     */
    public long accesses() {
        return accesses.sum();
    }

    /**
     * Returns the number of checked accesses that used a stale translation, during a revocation or in violation of an
     * invariant.
     *
     * @return a number that only grows
     */
    public long staleAccesses() {
        return staleAccesses.sum();
    }

    /**
     * The latest events of one CPU or of all calls, each with its number in the order of all events of the machine. One
     * or several threads add events; any thread reads.
     */
    public static final class History {
        /** Used in place of a space's number, for all spaces. */
        public static final long ANY = 0;

        private record HistoryEvent(
                long number, String who, String what, long detail, long space, long start, long end) {
            boolean concerns(long wanted, long address) {
                return (space == wanted || space == ANY)
                        && Addresses.isAtMost(start, address)
                        && (Addresses.isBelow(address, end) || start == end);
            }

            @Override
            public String toString() {
                return String.format(
                        Locale.ROOT, "  #%d %s: %s %d [0x%x, 0x%x)", number, who, what, detail, start, end);
            }
        }

        /**
         * Written: a thread that adds to a history (get-and-add).
         * Read: a thread that adds to a history (get-and-add).
         * Invariant: every event of a checked machine has a different number, which orders the events.
         */
        private final AtomicLong numbers;

        /**
         * Written: the thread that adds an event (volatile).
         * Read: a thread that reports a violation (volatile).
         * Invariant: events never change; the latest event overwrites the oldest.
         */
        private final AtomicReferenceArray<HistoryEvent> ring;

        /**
         * Written: the thread that adds an event (get-and-add).
         * Read: the thread that adds an event (get-and-add).
         * Invariant: the position of the next event.
         */
        private final AtomicInteger added = new AtomicInteger();

        /**
         * Creates an empty history.
         *
         * @param numbers the number of the last event of the machine
         * @param size the maximum number of events that the history keeps
         */
        History(AtomicLong numbers, int size) {
            this.numbers = numbers;
            ring = new AtomicReferenceArray<>(size);
        }

        /**
         * Adds an event.
         *
         * @param what the event, for messages
         * @param detail a number that details the event
         * @param space the number of the space, or {@link #ANY}
         * @param start the first address of the event
         * @param end the end of the range, exclusive; equal to the start for the whole space
         */
        public void add(String what, long detail, long space, long start, long end) {
            long number = numbers.incrementAndGet();
            ring.set(
                    Math.floorMod(added.getAndIncrement(), ring.length()),
                    new HistoryEvent(number, Thread.currentThread().getName(), what, detail, space, start, end));
        }

        /** Returns the events that concern an address, oldest first. */
        List<String> of(long space, long address) {
            List<HistoryEvent> found = new ArrayList<>();
            for (int i = 0; i < ring.length(); i++) {
                HistoryEvent event = ring.get(i);
                if (event != null && event.concerns(space, address)) {
                    found.add(event);
                }
            }
            found.sort((one, other) -> Long.compare(one.number, other.number));
            return found.stream().map(HistoryEvent::toString).toList();
        }
    }
}
