// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.fuzz;

import dev.samara.testing.Share;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A short version of the profile {@code fuzz}: checks earlier findings, and mutated inputs for a few seconds. */
public final class FuzzChecks {
    private static final int PARTS = 8;

    /**
     * The maximum number of inputs of all parts. A test ends at this limit or at {@link #MILLIS}, whichever it reaches
     * first.
     */
    private static final int MOST_INPUTS = PARTS * 4000;

    private static final int MILLIS = PARTS * 2500;

    private FuzzChecks() {}

    private static void accept(FuzzTarget target, String what, byte[] input) throws Exception {
        try {
            target.accept(input);
        } catch (Throwable finding) {
            Path folder = Files.createDirectories(Path.of(System.getProperty("basedir", ""), "target", "fuzz"));
            Path kept = Files.write(folder.resolve(target.folder() + "-finding"), input);
            throw new AssertionError(what + ", kept as " + kept, finding);
        }
    }

    /**
     * Checks that no earlier finding is still a finding.
     *
     * @param target the parser
     * @throws Exception if an input cannot be read
     */
    public static void regressions(FuzzTarget target) throws Exception {
        for (Map.Entry<String, byte[]> input : target.regressions().entrySet()) {
            accept(target, input.getKey(), input.getValue());
        }
    }

    /**
     * Checks that seeds are accepted, and that mutated seeds are accepted or rejected in the declared way. It checks
     * the inputs of one part, which the seed of the build chooses.
     *
     * @param target the parser
     * @throws Exception if a seed cannot be read
     */
    public static void mutations(FuzzTarget target) throws Exception {
        long seed = Long.getLong(Share.SEED, System.nanoTime());
        List<byte[]> seeds = target.seeds();
        for (int i = 0; i < seeds.size(); i++) {
            accept(target, "seed " + i, seeds.get(i));
        }
        Share share = Share.of("changed inputs of the target " + target.folder(), PARTS);
        int most = share.steps(MOST_INPUTS);
        long nanos = TimeUnit.MILLISECONDS.toNanos(share.steps(MILLIS));
        Mutator mutator = new Mutator(seeds, seed + target.folder().hashCode());
        long start = System.nanoTime();
        int inputs = 0;
        while (inputs < most && System.nanoTime() - start < nanos) {
            accept(target, "input " + inputs + " of -D" + Share.SEED + "=" + seed, mutator.next());
            inputs++;
        }
        System.out.println(target.folder() + ": " + inputs + " inputs, -D" + Share.SEED + "=" + seed);
    }
}
