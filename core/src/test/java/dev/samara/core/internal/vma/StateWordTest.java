// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.vma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.sync.Gate;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("A state word makes the transitions there are, refuses all others unchanged, and ends once")
final class StateWordTest {
    /** Long enough for every path to the end, with a reference, and one step beyond the end. */
    private static final int LONGEST = 6;

    private static VmArea fresh() {
        return VmArea.describe(0, 0x1000, 0, 0, null, null, null);
    }

    private static int word(VmArea vma) {
        return (int) VmArea.WORD.getVolatile(vma);
    }

    private static void set(VmArea vma, int word) {
        VmArea.WORD.setVolatile(vma, word);
    }

    private static final class CountedOpen extends VmArea.Open {
        int ends;

        @Override
        protected void ended() {
            ends++;
        }
    }

    /** A transition of a VMA. */
    private enum Step {
        ATTACH,
        DETACH,
        CLEAR_RETIRING,
        ACQUIRE,
        RELEASE
    }

    /** A model of the word with plain fields. */
    private static final class Model {
        boolean attached;
        boolean detached;
        boolean retiring;
        int references;
        int ends;

        /** Returns whether a step is allowed. */
        private boolean allows(Step step) {
            return switch (step) {
                case ATTACH -> !attached;
                case DETACH -> attached && !detached;
                case CLEAR_RETIRING -> retiring;
                case ACQUIRE -> true;
                case RELEASE -> references > 0;
            };
        }

        /** Takes an allowed step, and returns the expected result. */
        private boolean take(Step step) {
            boolean before = hasEnded();
            boolean mayAcquire = attached && !detached;
            switch (step) {
                case ATTACH -> attached = true;
                case DETACH -> {
                    detached = true;
                    retiring = true;
                }
                case CLEAR_RETIRING -> retiring = false;
                case ACQUIRE -> references += mayAcquire ? 1 : 0;
                case RELEASE -> references--;
            }
            ends += !before && hasEnded() ? 1 : 0;
            return step != Step.ACQUIRE || mayAcquire;
        }

        private boolean hasEnded() {
            return detached && !retiring && references == 0;
        }
    }

    private static boolean take(VmArea vma, Step step, CountedOpen open) {
        switch (step) {
            case ATTACH -> vma.attach(open, null);
            case DETACH -> vma.detach();
            case CLEAR_RETIRING -> vma.clearRetiring();
            case ACQUIRE -> {
                return vma.acquire();
            }
            case RELEASE -> vma.release();
        }
        return true;
    }

    private static void check(List<Step> steps) {
        VmArea vma = fresh();
        CountedOpen open = new CountedOpen();
        Model model = new Model();
        for (Step step : steps) {
            int word = word(vma);
            if (!model.allows(step)) {
                assertThrows(IllegalStateException.class, () -> take(vma, step, open), () -> steps + " at " + step);
                assertEquals(word, word(vma), () -> steps + ": changed by a refused " + step);
            } else {
                assertEquals(model.take(step), take(vma, step, open), () -> steps + " at " + step);
            }
            assertEquals(model.references, vma.references(), steps::toString);
            assertEquals(model.detached, vma.isDetached() && !vma.isFresh(), steps::toString);
            assertEquals(!model.attached, vma.isFresh(), steps::toString);
            assertEquals(model.detached || !model.attached, vma.isDetached(), steps::toString);
            assertEquals(model.ends, open.ends, steps::toString);
        }
    }

    @Test
    @DisplayName("every sequence of up to six steps does what plain fields would, and puts the share at most once")
    void allShortSequences() {
        List<Step> steps = new ArrayList<>();
        int[] checked = new int[1];
        explore(steps, checked);
        assertEquals(5 + 25 + 125 + 625 + 3125 + 15625, checked[0]);
    }

    private static void explore(List<Step> steps, int[] checked) {
        for (Step step : Step.values()) {
            steps.add(step);
            check(steps);
            checked[0]++;
            if (steps.size() < LONGEST) {
                explore(steps, checked);
            }
            steps.remove(steps.size() - 1);
        }
    }

    /** A word, and the only steps that it allows. */
    private record Row(String name, int word, List<Step> allowed) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Stream<Row> rows() {
        int detached = VmArea.DETACHED;
        int retiring = detached | VmArea.RETIRING;
        int most = VmArea.MOST_REFERENCES;
        return Stream.of(
                new Row("fresh", VmArea.FRESH, List.of(Step.ATTACH)),
                new Row("attached", 0, List.of(Step.DETACH, Step.ACQUIRE)),
                new Row("referenced", 2, List.of(Step.DETACH, Step.ACQUIRE, Step.RELEASE)),
                new Row("referenced most often but one", most - 1, List.of(Step.DETACH, Step.ACQUIRE, Step.RELEASE)),
                new Row("referenced most often", most, List.of(Step.DETACH, Step.RELEASE)),
                new Row("retiring", retiring, List.of(Step.CLEAR_RETIRING)),
                new Row(
                        "retiring and referenced most often",
                        retiring | most,
                        List.of(Step.CLEAR_RETIRING, Step.RELEASE)),
                new Row("detached and referenced most often", detached | most, List.of(Step.RELEASE)),
                new Row("ended", detached, List.of()));
    }

    private static Stream<Arguments> rowsAndSteps() {
        return rows().flatMap(row -> Stream.of(Step.values()).map(step -> Arguments.of(row, step)));
    }

    @ParameterizedTest(name = "{1} of one that is {0}")
    @MethodSource("rowsAndSteps")
    @DisplayName("each step is allowed in the states that allow it, and elsewhere leaves the word as it was")
    void eachStepInEachState(Row row, Step step) {
        VmArea vma = fresh();
        CountedOpen open = new CountedOpen();
        vma.attach(open, null);
        set(vma, row.word());
        boolean allowed = row.allowed().contains(step);
        boolean taken;
        try {
            taken = take(vma, step, open);
        } catch (IllegalStateException refused) {
            taken = false;
        }
        assertEquals(allowed, taken);
        assertEquals(allowed, row.word() != word(vma));
        assertFalse(allowed && step != Step.ATTACH && vma.isFresh(), "looks as if never attached");
        assertEquals(word(vma) == VmArea.DETACHED && allowed ? 1 : 0, open.ends);
    }

    @Test
    @DisplayName("the word of a VMA with the most references survives its whole way to the end")
    void mostReferences() {
        VmArea vma = fresh();
        CountedOpen open = new CountedOpen();
        vma.attach(open, null);
        set(vma, VmArea.MOST_REFERENCES - 1);
        assertTrue(vma.acquire());
        assertThrows(IllegalStateException.class, () -> vma.acquire());
        vma.detach();
        assertTrue(vma.isDetached());
        assertFalse(vma.isFresh());
        assertEquals(VmArea.MOST_REFERENCES, vma.references());
        vma.release();
        vma.clearRetiring();
        assertEquals(VmArea.MOST_REFERENCES - 1, vma.references());
        set(vma, VmArea.DETACHED | 1);
        assertEquals(0, open.ends);
        vma.release();
        assertEquals(1, open.ends);
    }

    @Test
    @DisplayName("attaching gives a VMA its open and its gate, and a refused attaching takes neither away")
    void openAndGate() {
        VmArea vma = fresh();
        assertNull(vma.open());
        assertNull(vma.gate());
        CountedOpen open = new CountedOpen();
        Gate gate = new Gate();
        vma.attach(open, gate);
        assertThrows(IllegalStateException.class, () -> vma.attach(new CountedOpen(), new Gate()));
        assertSame(open, vma.open());
        assertSame(gate, vma.gate());
    }

    @Test
    @DisplayName("an open ends with its last share, and cannot be got or put after that")
    void shares() {
        CountedOpen open = new CountedOpen();
        open.get();
        open.get();
        open.put();
        open.put();
        assertEquals(0, open.ends);
        open.put();
        assertEquals(1, open.ends);
        for (int i = 0; i < 3; i++) {
            assertThrows(IllegalStateException.class, open::get);
            assertThrows(IllegalStateException.class, open::put);
        }
        assertEquals(1, open.ends);
    }
}
