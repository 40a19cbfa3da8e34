// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * The share of an exploration that a build runs. A whole exploration is divided into equal parts, as many as it needs
 * for one of them to be short. A build runs one part of each exploration, chosen by a seed; {@code .ci/run} runs more,
 * and consecutive seeds choose consecutive parts, so the runs of some days cover the whole. The profile {@code explore}
 * runs all parts.
 *
 * <p>Two system properties decide: {@value #PARTS} is the number of parts to run, 1 unless set, or {@code all};
 * {@value #SEED} chooses them. Immutable; any thread may use it.
 */
public final class Share {
    /** The property with the number of parts to run, or {@code all}. */
    public static final String PARTS = "samara.explore.parts";

    /** The property with the seed that chooses the parts; a fresh one unless set. */
    public static final String SEED = "samara.explore.seed";

    private static final long FRESH = System.nanoTime();

    private final String name;
    private final int of;
    private final int parts;
    private final long seed;

    /**
     * Makes a share.
     *
     * @param name the exploration, for the log, and to choose other parts of each
     * @param of the number of parts that the whole is divided into, at least 1
     * @param parts how many of them to run, at least 1; more than there are is all
     * @param seed chooses them
     */
    Share(String name, int of, int parts, long seed) {
        if (of < 1 || parts < 1) {
            throw new IllegalArgumentException(name + ": " + parts + " of " + of + " parts; both must be at least 1");
        }
        this.name = name;
        this.of = of;
        this.parts = Math.min(parts, of);
        this.seed = seed;
    }

    /**
     * Returns the share that this build runs, and prints it, so that a failed run can be repeated.
     *
     * @param name the exploration
     * @param of the number of parts that the whole is divided into, at least 1
     * @return the share
     */
    public static Share of(String name, int of) {
        String wanted = System.getProperty(PARTS, "1");
        int parts = wanted.equals("all") ? of : Integer.parseInt(wanted);
        Share share = new Share(name, of, parts, Long.getLong(SEED, FRESH));
        System.out.println(share);
        return share;
    }

    /**
     * Returns whether this is the whole exploration.
     *
     * @return true if all parts are run
     */
    public boolean isWhole() {
        return parts == of;
    }

    /**
     * Returns whether a step is in one of the parts to run. Two steps whose distance is the number of parts are in the
     * same part.
     *
     * @param step the number of the step, from 0
     * @return true if it is to be run
     */
    public boolean has(int step) {
        long first = seed * parts + name.hashCode();
        return Math.floorMod(step - first, (long) of) < parts;
    }

    /**
     * Returns the elements that are in the parts to run.
     *
     * @param <T> the type of an element
     * @param all the elements of the whole
     * @return at least one if there is any, in a mixed order, the same for each seed
     */
    public <T> List<T> of(List<T> all) {
        // Mixed, since the elements of a list differ by rules: a stride could choose one kind alone.
        List<T> mixed = new ArrayList<>(all);
        Collections.shuffle(mixed, new Random(name.hashCode()));
        List<T> chosen = new ArrayList<>();
        for (int i = 0; i < mixed.size(); i++) {
            if (has(i)) {
                chosen.add(mixed.get(i));
            }
        }
        if (chosen.isEmpty() && !mixed.isEmpty()) {
            chosen.add(mixed.get((int) Math.floorMod(seed, (long) mixed.size())));
        }
        return chosen;
    }

    /**
     * Returns how many steps of a random run, whose steps have no numbers, are this share.
     *
     * @param whole the number of steps of the whole run
     * @return at least 1
     */
    public int steps(int whole) {
        return (int) Math.max(1, (long) whole * parts / of);
    }

    @Override
    public String toString() {
        return name + ": " + parts + " of " + of + " parts, -D" + SEED + "=" + seed;
    }
}
