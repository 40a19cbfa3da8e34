// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * A sequence of operations.
 *
 * @param world the name of the world in which it runs
 * @param watch what is compared after each step in addition to mappings and flags, as a set of the bits below
 */
record Script(World world, int watch, List<Operation> operations) {
    /** The first byte of each page, which is loaded, so few pages remain untouched. */
    static final int CONTENTS = 1;

    /** For each page, whether it is in memory. */
    static final int MINCORE = 2;

    /** The amounts of smaps. */
    static final int AMOUNTS = 4;

    Script {
        operations = List.copyOf(operations);
    }

    Script with(List<Operation> changed) {
        return new Script(world, watch, changed);
    }

    /** Returns the text form as lines; the addresses are offsets from the base of the world. */
    List<String> lines(long base) {
        List<String> lines = new ArrayList<>();
        lines.add("world " + world + " watch " + watch);
        operations.forEach(operation -> lines.add(operation.text(base)));
        return lines;
    }

    /** Parses the text form of {@link #lines}. */
    static Script parse(List<String> lines, Worlds worlds) {
        String[] first = lines.get(0).split(" ", -1);
        World world = World.valueOf(first[1]);
        long base = worlds.get(world).base();
        return new Script(
                world,
                Integer.parseInt(first[3]),
                lines.stream().skip(1).map(line -> Operation.parse(line, base)).toList());
    }
}
