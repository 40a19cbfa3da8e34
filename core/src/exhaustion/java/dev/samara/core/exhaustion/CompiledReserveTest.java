// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.internal.sync.CheckedLock;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.testing.Explored;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A compiled stack reserve in front of interpreted code. */
@DisplayName("A compiled reserve")
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(6)
final class CompiledReserveTest {
    private static final String VERDICT = "as large as interpreted";
    private static final int STACK_BYTES = 1 << 20;

    /**
     * Compares the frames of the reserve with interpreted frames, in a JVM that compiles only the reserve. The optional
     * argument is the number of earlier checks.
     */
    static final class Frames {
        private Frames() {}

        public static void main(String[] arguments) throws InterruptedException {
            int[] counted = new int[2];
            int before = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 0;
            for (int i = 0; i < before; i++) {
                StackReserve.check(CheckedLock.FREE_DEPTH);
            }
            Thread thread = new Thread(
                    null,
                    () -> {
                        // Twice, because the first call of a class needs stack for its initializer.
                        for (int i = 0; i < 2; i++) {
                            counted[0] = most();
                            counted[1] = 0;
                            count(counted);
                        }
                    },
                    "counts",
                    STACK_BYTES);
            thread.start();
            thread.join();
            boolean isLarge = counted[0] > 0 && counted[0] <= counted[1];
            System.out.println(counted[0] + " frames of the reserve, " + counted[1] + " interpreted ones: "
                    + (isLarge ? VERDICT : "smaller"));
            System.exit(isLarge ? 0 : 1);
        }

        /** Returns the largest reserve that fits into the stack. */
        private static int most() {
            int enough = 0;
            int tooMany = STACK_BYTES;
            while (tooMany - enough > 1) {
                int middle = (enough + tooMany) / 2;
                try {
                    StackReserve.check(middle);
                    enough = middle;
                } catch (StackOverflowError end) {
                    tooMany = middle;
                }
            }
            return enough;
        }

        private static void count(int[] counted) {
            try {
                interpreted(counted, 0, 0, 0, 0, 0);
            } catch (StackOverflowError end) {
                // The overflow is expected, and all frames were counted.
                return;
            }
        }

        /** Recurses with interpreted frames that are as wide as those of the reserve. */
        private static long interpreted(int[] counted, long a, long b, long c, long d, long e) {
            counted[1]++;
            return counted[1] == STACK_BYTES ? 0 : 1 + interpreted(counted, a, b, c, d, e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"-XX:+TieredCompilation", "-XX:-TieredCompilation", "-XX:TieredStopAtLevel=1"})
    @DisplayName("has frames as large as an interpreted one, with each compiler")
    void large(String compiler) throws Exception {
        List<String> options = new ArrayList<>(StackSweep.COMPILED_RESERVE);
        options.add(compiler);
        ChildJvm.run(Frames.class, VERDICT, options);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-XX:+TieredCompilation", "-XX:-TieredCompilation", "-XX:TieredStopAtLevel=1"})
    @DisplayName("has frames as large as an interpreted one where it was compiled after many checks")
    void largeAfterManyChecks(String compiler) throws Exception {
        List<String> options = new ArrayList<>(StackSweep.COMPILED_RESERVE);
        options.remove("-Xcomp");
        options.add("-XX:-BackgroundCompilation");
        options.add(compiler);
        ChildJvm.run(Frames.class, VERDICT, options, "1000000");
    }

    @ParameterizedTest
    @ValueSource(
            classes = {
                LazyStackSweepTest.Counted.class,
                LazyStackSweepTest.WithPointer.class,
                LazyStackSweepTest.Unloaded.class
            })
    @DisplayName("keeps its promise to interpreted code: a drop of a lazy space, swept")
    void swept(Class<? extends StackSweep.Scene> scene) throws Exception {
        StackSweep.sweepBesideCompiledReserve(scene);
    }
}
