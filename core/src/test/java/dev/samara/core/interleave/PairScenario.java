// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import dev.samara.core.Cpu;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Two operations of given kinds, on ranges in a given relation, in one private anonymous mapping. */
final class PairScenario extends SpaceScenario {
    /** The relations of the second range to the first one, which has pages 1 and 2. */
    enum Relation {
        SAME(1),
        OVERLAPPING(2),
        ADJACENT(3),
        DISTINCT(5);

        final int first;

        Relation(int first) {
            this.first = first;
        }
    }

    private static final int PAGES = 8;
    private static final long LENGTH = 2 * PAGE;

    private final String name;
    private final Map<String, Operation> calls = new LinkedHashMap<>();
    private final long one = AT + PAGE;
    private final long other;

    /** Takes kind, relation and kind, with slashes between them. */
    PairScenario(String name) {
        this.name = name;
        String[] parts = name.split("/", -1);
        other = AT + Relation.valueOf(parts[1]).first * PAGE;
        PairKinds.Verb first = PairKinds.of(parts[0]);
        PairKinds.Verb second = PairKinds.of(parts[2]);
        add("1-" + parts[0], first, one, !second.gives());
        add("2-" + parts[2], second, other, !first.gives());
    }

    private void add(String label, PairKinds.Verb verb, long start, boolean isJudged) {
        calls.put(label, PairKinds.operation(label, verb, start, LENGTH, isJudged));
    }

    static String nameOf(String one, Relation relation, String other) {
        return one + '/' + relation + '/' + other;
    }

    @Override
    String name() {
        return name;
    }

    @Override
    Map<String, Operation> calls() {
        return calls;
    }

    @Override
    List<Long> addresses() {
        List<Long> addresses = new ArrayList<>(StandStill.pages(one, 2));
        StandStill.pages(other, 2).stream()
                .filter(page -> !addresses.contains(page))
                .forEach(addresses::add);
        if (name.contains("mremap")) {
            for (long page : List.copyOf(addresses)) {
                addresses.add(page - AT + PairKinds.ELSEWHERE);
            }
        }
        return addresses;
    }

    @Override
    void prepare(State state, Cpu cpu) {
        state.space.mmap(AT, PAGES * PAGE, RW, FIXED, null, 0);
        store(cpu, one, 10);
        if (other != one) {
            store(cpu, other, 11);
        }
    }
}
