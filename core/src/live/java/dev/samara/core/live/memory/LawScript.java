// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;

/**
 * A sequence of steps.
 *
 * @param world the world in which it runs
 * @param options a set of the bits below
 */
record LawScript(World world, int options, List<LawStep> steps) {
    /** The first byte of each page is loaded after each step, so few pages remain untouched. */
    static final int TOUCHES = 1;

    /** The machine has no zero page. */
    static final int WITHOUT_ZERO_PAGE = 2;

    LawScript {
        steps = List.copyOf(steps);
    }

    boolean has(int option) {
        return (options & option) != 0;
    }

    LawScript with(List<LawStep> changed) {
        return new LawScript(world, options, changed);
    }

    /** Returns the text form as lines; the addresses are offsets from the base of the world. */
    List<String> lines() {
        long base = new MadePlace(world).base();
        List<String> lines = new ArrayList<>();
        lines.add("world " + world + " options " + options);
        steps.forEach(step -> lines.add(step.text(base)));
        return lines;
    }

    /** Parses the text form of {@link #lines}. */
    static LawScript parse(List<String> lines) {
        String[] first = lines.get(0).split(" ", -1);
        World world = World.valueOf(first[1]);
        long base = new MadePlace(world).base();
        return new LawScript(
                world,
                Integer.parseInt(first[3]),
                lines.stream().skip(1).map(line -> LawStep.parse(line, base)).toList());
    }
}
