// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * The share of an exploration that a build runs. An exploration is divided into equal parts, with enough parts that
 * each one is short. A build runs one part of each exploration, which a seed chooses; {@code .ci/run} runs more parts.
 * Consecutive seeds choose consecutive parts, so the runs of a few days cover the whole exploration. The profile {@code
 * explore} runs all parts.
 *
 * <p>Two system properties determine the share: {@value #PARTS} is the number of parts to run, 1 unless set, or {@code
 * all}; {@value #SEED} chooses the parts. Immutable; any thread may use it.
 */
public final class Share {
    /** The property with the number of parts to run, {@code 1/N} for the N-th of a part, or {@code all}. */
    public static final String PARTS = "samara.explore.parts";

    /** The property with the seed that chooses the parts; the default is a fresh seed. */
    public static final String SEED = "samara.explore.seed";

    private static final long FRESH = System.nanoTime();

    private final String name;
    private final int of;
    private final int parts;
    private final long seed;

    /**
     * Creates a share.
     *
     * @param name the name of the exploration, for the log, and so that different explorations choose different parts
     * @param of the number of parts into which the exploration is divided, at least 1
     * @param parts how many parts to run, at least 1; a number above {@code of} means all
     * @param seed chooses the parts
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
     * @param name the name of the exploration
     * @param of the number of parts into which the exploration is divided, at least 1
     * @return the share
     */
    public static Share of(String name, int of) {
        String[] wanted = System.getProperty(PARTS, "1").split("/", -1);
        int finer = wanted.length == 1 ? 1 : Integer.parseInt(wanted[1]);
        int parts = wanted[0].equals("all") ? of : Integer.parseInt(wanted[0]);
        Share share = new Share(name, Math.multiplyExact(of, finer), parts, Long.getLong(SEED, FRESH));
        System.out.println(share);
        return share;
    }

    /**
     * Returns whether the share is the whole exploration.
     *
     * @return true if all parts are run
     */
    public boolean isWhole() {
        return parts == of;
    }

    /**
     * Returns whether a step is in one of the parts to run. Steps whose numbers differ by a multiple of the number of
     * parts are in the same part.
     *
     * @param step the number of the step, from 0
     * @return true if the step must be run
     */
    public boolean has(int step) {
        long first = seed * parts + name.hashCode();
        return Math.floorMod(step - first, (long) of) < parts;
    }

    /**
     * Returns the elements of a list that are in the parts to run.
     *
     * @param <T> the type of an element
     * @param all the elements of the whole exploration
     * @return at least one element if {@code all} is not empty, in a shuffled order that depends only on the seed
     */
    public <T> List<T> of(List<T> all) {
        // Shuffled, because lists are often regular, so that a fixed stride could choose elements of one kind only.
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
     * Returns how many steps a random run makes for this share. Steps of a random run have no numbers.
     *
     * @param whole the number of steps of the whole exploration
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
