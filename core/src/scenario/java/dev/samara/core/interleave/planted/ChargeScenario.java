// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.interleave.schedule.Scenario;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Threads that charge and uncharge committed memory with a limit. The results must be linearizable: they match some
 * order of the calls in which each call precedes all calls that started after it returned.
 */
final class ChargeScenario implements Scenario {
    private static final int MEBIBYTE = 20;

    /** A call, and the instants of its start and end. */
    private record Event(char kind, long bytes, int begin, int end, long result) {}

    private final class Charger implements Body {
        private final List<Event> events = new ArrayList<>();
        private final String[] before;
        private final String[] calls;
        private long held;

        Charger(String text) {
            String[] halves = text.split("/", 2);
            before = words(halves.length == 1 ? "" : halves[0]);
            calls = words(halves[halves.length - 1]);
        }

        private String[] words(String text) {
            return text.isBlank() ? new String[0] : text.trim().split(" ", -1);
        }

        @Override
        public void before() {
            for (String call : before) {
                call(call.charAt(0), Long.parseLong(call.substring(1)) << MEBIBYTE);
            }
        }

        @Override
        public void run() {
            for (String call : calls) {
                call(call.charAt(0), Long.parseLong(call.substring(1)) << MEBIBYTE);
            }
        }

        private void call(char kind, long bytes) {
            if (kind == '-' && held < bytes) {
                return;
            }
            int begin = clock++;
            long result = 0;
            switch (kind) {
                case '+' -> result = memory.charge(bytes) ? bytes : 0;
                case '!' -> memory.uncharge(-bytes);
                case '-' -> memory.uncharge(bytes);
                case '=' -> result = memory.bytes();
                default -> throw new IllegalArgumentException("" + kind);
            }
            held += kind == '+' ? result : kind == '!' ? bytes : kind == '-' ? -bytes : 0;
            events.add(new Event(kind, bytes, begin, clock++, result));
        }
    }

    private final CommittedMemory memory;
    private final long limit;
    private final Map<String, Body> threads = new LinkedHashMap<>();
    private final List<List<Event>> events = new ArrayList<>();

    /** The number of starts and ends so far. Only one thread runs at a time. */
    private int clock;

    /**
     * Creates the scenario.
     *
     * @param text the limit, and after a bar the calls of each thread. The calls before a slash are made before the
     *     threads run concurrently. {@code +5} charges 5 MiB, {@code -5} uncharges 5 MiB if the thread charged as much,
     *     {@code !5} charges 5 MiB regardless of the limit, and {@code =0} counts
     */
    ChargeScenario(String text) {
        String[] parts = text.split("\\|", -1);
        limit = Long.parseLong(parts[0].trim()) << MEBIBYTE;
        memory = new CommittedMemory(limit);
        for (int i = 1; i < parts.length; i++) {
            Charger thread = new Charger(parts[i]);
            threads.put("thread " + i, thread);
            events.add(thread.events);
        }
    }

    @Override
    public Map<String, Body> operations() {
        return threads;
    }

    @Override
    public void end() {
        if (!isOrdered(new int[events.size()], 0)) {
            throw new AssertionError("P46: no order of the calls has the results " + events + ", with " + memory.bytes()
                    + " bytes at the end");
        }
    }

    /** Returns whether the remaining calls have an order that explains their results. */
    private boolean isOrdered(int[] next, long used) {
        boolean isEnd = true;
        for (int i = 0; i < next.length; i++) {
            if (next[i] == events.get(i).size()) {
                continue;
            }
            isEnd = false;
            Event event = events.get(i).get(next[i]);
            if (mayBeNext(event, next) && isResult(event, used)) {
                next[i]++;
                boolean isOrdered = isOrdered(next, used + changeBy(event));
                next[i]--;
                if (isOrdered) {
                    return true;
                }
            }
        }
        return isEnd && memory.bytes() == used;
    }

    private boolean mayBeNext(Event event, int[] next) {
        for (int i = 0; i < next.length; i++) {
            if (next[i] < events.get(i).size() && events.get(i).get(next[i]).end < event.begin) {
                return false;
            }
        }
        return true;
    }

    private boolean isResult(Event event, long used) {
        return switch (event.kind) {
            case '+' -> (used + event.bytes <= limit) == (event.result != 0);
            case '=' -> event.result == used;
            default -> true;
        };
    }

    private static long changeBy(Event event) {
        return switch (event.kind) {
            case '+' -> event.result;
            case '!' -> event.bytes;
            case '-' -> -event.bytes;
            default -> 0;
        };
    }
}
