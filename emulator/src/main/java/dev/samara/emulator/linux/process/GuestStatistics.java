// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.mman.Fault;
import dev.samara.emulator.cpu.Hart.HartCounts;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAccumulator;

/** Counters of the guest's activity, for {@code --stats}. Thread-safe. */
public final class GuestStatistics {
    private static final int CALLS = GuestLimits.CALL_NUMBERS;
    private static final int FAULTS = 16;
    private static final int MOST_LINES = 8;

    /**
     * Words: {@code calls}, {@code faults}.
     * Written: any thread of the guest (get-and-add).
     * Read: any thread (volatile).
     * Invariant: counts; they order nothing.
     */
    private final AtomicLongArray calls = new AtomicLongArray(CALLS);

    private final AtomicLongArray faults = new AtomicLongArray(FAULTS);
    private final Map<Integer, Long> unknown = new TreeMap<>();

    /**
     * Written: a thread that ends its process (accumulate).
     * Read: the emulation's thread, after all processes have ended.
     * Invariant: the maximum, over all processes that have ended, of the peak number of resident pages.
     */
    private final LongAccumulator mostResident = new LongAccumulator(Math::max, 0);

    private final HartCounts harts = new HartCounts();
    private long threads;
    private long signals;

    GuestStatistics() {}

    public void call(int number) {
        calls.incrementAndGet(number >= 0 && number < CALLS ? number : CALLS - 1);
    }

    /** Returns the number of system calls so far. */
    public long calls() {
        long sum = 0;
        for (int number = 0; number < CALLS; number++) {
            sum += calls.get(number);
        }
        return sum;
    }

    /**
     * Counts a call that is not supported. All numbers that Linux does not have share one counter, because there are
     * 2^32 of them.
     */
    public synchronized void unknownCall(int number) {
        unknown.merge(number >= 0 && number < CALLS ? number : CALLS, 1L, Long::sum);
    }

    void fault(int kind) {
        faults.incrementAndGet(kind & FAULTS - 1);
    }

    synchronized void signal() {
        signals++;
    }

    synchronized void add(HartCounts hart) {
        harts.add(hart);
        threads++;
    }

    /** Records the peak number of resident pages of a process that ends. */
    void resident(long pages) {
        mostResident.accumulate(pages);
    }

    /** Returns the highest number of resident pages that a process had. */
    public long mostResident() {
        return mostResident.get();
    }

    /** Returns the statistics as lines of text. */
    public synchronized List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "%,d instructions by %,d threads; %,d blocks decoded, %,d dropped",
                harts.instructions,
                threads,
                harts.decodedBlocks,
                harts.droppedBlocks));
        lines.add("system calls: " + callText());
        StringBuilder kinds = new StringBuilder();
        for (int kind = 0; kind < FAULTS; kind++) {
            if (faults.get(kind) > 0) {
                kinds.append(kinds.length() == 0 ? "" : ", ")
                        .append(faults.get(kind))
                        .append(' ')
                        .append(Fault.toString(kind));
            }
        }
        lines.add("faults that became signals: " + (kinds.length() == 0 ? "none" : kinds) + "; handlers begun: "
                + signals);
        unknown.forEach((number, count) ->
                lines.add((number == CALLS ? "a number that Linux does not have" : LinuxCall.nameOf(number))
                        + " is not known here: ENOSYS, " + count + " times"));
        if (harts.flagReads > 0 || harts.roundingChanges > 0) {
            lines.add(String.format(
                    Locale.ROOT,
                    "floating point: %,d reads of flags, which are never set; %,d writes of a rounding mode that only"
                            + " conversions to integers obey",
                    harts.flagReads,
                    harts.roundingChanges));
        }
        return lines;
    }

    private String callText() {
        Map<String, Long> named = new TreeMap<>();
        long total = 0;
        for (int number = 0; number < CALLS; number++) {
            long count = calls.get(number);
            total += count;
            if (count > 0) {
                named.put(LinuxCall.nameOf(number), count);
            }
        }
        StringBuilder text = new StringBuilder(String.format(Locale.ROOT, "%,d", total));
        named.entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .limit(MOST_LINES)
                .forEach(each ->
                        text.append(", ").append(each.getKey()).append(' ').append(each.getValue()));
        return text.toString();
    }
}
