// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.interleave.scenario.Ground;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The operations of a scenario and their objects. Its text form is its name, such as {@code munmap/SAME/store}, or
 * {@code fork/OVERLAPPING/truncate/SHARED_FILE/CHILD/LAZY}; a third operation is appended to the second one after
 * {@code &}.
 *
 * @param kinds the kinds of the operations
 * @param relation the relation of the second range to the first one, which is pages 1 and 2; a third operation uses the
 *     first range
 * @param ground the mapping
 * @param spaces the spaces of the operations
 * @param cpus the state of the CPUs at the start
 */
record Combination(List<String> kinds, Relation relation, Ground ground, Spaces spaces, Cpus cpus) {
    /** The relations of two ranges of two pages. */
    enum Relation {
        SAME(1),
        OVERLAPPING(2),
        ADJACENT(3),
        DISTINCT(5);

        /** The number of the second range's first page. */
        final int first;

        Relation(int first) {
            this.first = first;
        }
    }

    /** The spaces in which the operations run. */
    enum Spaces {
        /** One space, which did not fork. */
        ONE,
        /** One space, which shares its pages with a child. */
        FORKED,
        /**
         * One space, whose child ended: the space is again the only user of its pages, but the entries do not show it.
         */
        ENDED,
        /** The first operation runs in the parent, the second one in its child. */
        CHILD
    }

    /** The state of each operation's CPU before the operation starts. */
    enum Cpus {
        /** It is in the space, without translations. */
        COLD,
        /** It has translations of all pages that it may read. */
        WARM,
        /** It has these translations, and is LAZY unless the operation makes accesses. */
        LAZY
    }

    Combination {
        kinds = List.copyOf(kinds);
    }

    static Combination of(String first, Relation relation, String second) {
        return new Combination(List.of(first, second), relation, Ground.ANONYMOUS, Spaces.ONE, Cpus.COLD);
    }

    /** Parses a name. Parts that are missing at its end have the first value of their enum. */
    static Combination parse(String name) {
        String[] parts = name.split("/", -1);
        String kinds = parts[0] + '&' + parts[2];
        return new Combination(
                Arrays.asList(kinds.split("&", -1)),
                Relation.valueOf(parts[1]),
                parts.length > 3 ? Ground.valueOf(parts[3]) : Ground.ANONYMOUS,
                parts.length > 4 ? Spaces.valueOf(parts[4]) : Spaces.ONE,
                parts.length > 5 ? Cpus.valueOf(parts[5]) : Cpus.COLD);
    }

    /** Returns whether each operation has something to work on. */
    boolean isPossible() {
        return kinds.stream().allMatch(kind -> PairKinds.of(kind).isOn(ground));
    }

    @Override
    public String toString() {
        String name = kinds.get(0) + '/' + relation + '/' + String.join("&", kinds.subList(1, kinds.size()));
        boolean isPlain = ground == Ground.ANONYMOUS && spaces == Spaces.ONE && cpus == Cpus.COLD;
        return isPlain ? name : String.format(Locale.ROOT, "%s/%s/%s/%s", name, ground, spaces, cpus);
    }
}
