// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * A sequence of operations.
 *
 * @param world the name of the world in which it runs
 * @param watch what is compared after each step besides mappings and flags: bits of {@link #CONTENTS} and its like
 */
record Script(World world, int watch, List<Operation> operations) {
    /** The first byte of each page, which is loaded, so that untouched pages are few. */
    static final int CONTENTS = 1;

    /** Whether each page is in memory. */
    static final int MINCORE = 2;

    /** The amounts of smaps. */
    static final int AMOUNTS = 4;

    Script {
        operations = List.copyOf(operations);
    }

    Script with(List<Operation> changed) {
        return new Script(world, watch, changed);
    }

    /** Returns the lines of a file; the addresses are offsets from the base of the world. */
    List<String> lines(long base) {
        List<String> lines = new ArrayList<>();
        lines.add("world " + world + " watch " + watch);
        operations.forEach(operation -> lines.add(operation.text(base)));
        return lines;
    }

    /** Parses lines; empty ones and those that begin with # are comments. */
    static Script parse(List<String> lines, Worlds worlds) {
        List<String> rest = lines.stream()
                .filter(line -> !line.isBlank() && line.charAt(0) != '#')
                .toList();
        String[] first = rest.get(0).split(" ", -1);
        World world = World.valueOf(first[1]);
        long base = worlds.get(world).base();
        return new Script(
                world,
                Integer.parseInt(first[3]),
                rest.stream().skip(1).map(line -> Operation.parse(line, base)).toList());
    }
}
