// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple;

import dev.samara.testing.Explored;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random calls of every kind, by two or three threads, on a tree whose leaves are replaced in place. */
@DisplayName("A B C D E: the whole map is linearizable")
@Tag("lincheck")
@Explored(24)
class WholeMapLincheckTest {
    /** Lincheck must not mistake a loop over the items of two nodes for a spin loop. */
    static final int LOOP = 40;

    static final int LOOP_BOUND = 200;

    private static final boolean TORTURE = Boolean.getBoolean("samara.torture");
    private static final String STONES = "stones";

    /** The window is surrounded by entries. */
    public static final class AmongEntries extends TwoLeavesCalls {
        public AmongEntries() {
            super(new TwoLeaves<>(cell -> cell));
        }

        /** The expected results. */
        public static final class Said extends ModelCalls {
            public Said() {
                super(null);
            }
        }
    }

    /** The window is surrounded by reservations: lookups find nothing around it, and for them the tree may be empty. */
    public static final class AmongReservations extends TwoLeavesCalls {
        public AmongReservations() {
            super(new TwoLeaves<>(cell -> cell, STONES));
        }

        /** The expected results. */
        public static final class Said extends ModelCalls {
            public Said() {
                super(STONES);
            }
        }
    }

    @ParameterizedTest
    @Tag("model")
    @ValueSource(classes = {AmongEntries.class, AmongReservations.class})
    @DisplayName("in interleavings made by a model checker")
    void modelChecked(Class<?> calls) {
        new ModelCheckingOptions()
                .iterations(TORTURE ? 320 : 8)
                .invocationsPerIteration(80)
                .threads(2)
                .actorsPerThread(3)
                .loopIterationsBeforeThreadSwitch(LOOP)
                .loopBound(LOOP_BOUND)
                .sequentialSpecification(calls.getDeclaredClasses()[0])
                .check(calls);
    }

    @ParameterizedTest
    @ValueSource(classes = {AmongEntries.class, AmongReservations.class})
    @DisplayName("in interleavings of running threads")
    void stressed(Class<?> calls) {
        new StressOptions()
                .iterations(TORTURE ? 600 : 8)
                .invocationsPerIteration(1500)
                .threads(3)
                .actorsPerThread(3)
                .sequentialSpecification(calls.getDeclaredClasses()[0])
                .check(calls);
    }
}
