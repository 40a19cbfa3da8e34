// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.fuzz;

import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The short form of the profile {@code fuzz}: what was found once, and as many changed inputs as fit into a moment. */
final class ParserFuzzTest {
    private static final int PARTS = 8;

    /** The inputs and the milliseconds of all parts: what is reached first ends a test. */
    private static final int MOST_INPUTS = PARTS * 4000;

    private static final int MILLIS = PARTS * 2500;

    private static void accept(FuzzTarget target, String what, byte[] input) throws Exception {
        try {
            target.accept(input);
        } catch (Throwable finding) {
            Path folder = Files.createDirectories(Path.of(System.getProperty("basedir", ""), "target", "fuzz"));
            Path kept = Files.write(folder.resolve(target.folder() + "-finding"), input);
            throw new AssertionError(what + ", kept as " + kept, finding);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("each input that was a finding once is none any more")
    void regressions(FuzzTarget target) throws Exception {
        for (Map.Entry<String, byte[]> input : target.regressions().entrySet()) {
            accept(target, input.getKey(), input.getValue());
        }
    }

    @ParameterizedTest
    @Explored(1)
    @EnumSource
    @DisplayName("seeds are accepted, and what is changed of them is accepted or refused by one line about the place")
    void mutations(FuzzTarget target) throws Exception {
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
