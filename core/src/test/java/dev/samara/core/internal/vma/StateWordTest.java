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
    /** Long enough for every way to the end, with a keep, and a step beyond it. */
    private static final int LONGEST = 6;

    private static final class Thing extends Attachable {
        int word() {
            return (int) WORD.getVolatile(this);
        }

        void set(int word) {
            WORD.setVolatile(this, word);
        }

        boolean isDetachedOrFresh() {
            return isDetachedVolatile();
        }
    }

    private static final class CountedOpen extends Open {
        int ends;

        @Override
        protected void ended() {
            ends++;
        }
    }

    /** What is done to an object. */
    private enum Step {
        ATTACH,
        DETACH,
        UNHOLD,
        KEEP,
        RELEASE
    }

    /** The word as plain fields. */
    private static final class Model {
        boolean attached;
        boolean detached;
        boolean held;
        int keeps;
        int ends;

        /** Whether a step may be taken at all. */
        private boolean allows(Step step) {
            return switch (step) {
                case ATTACH -> !attached;
                case DETACH -> attached && !detached;
                case UNHOLD -> held;
                case KEEP -> true;
                case RELEASE -> keeps > 0;
            };
        }

        /** Takes a step that is allowed; returns what it must return. */
        private boolean take(Step step) {
            boolean before = hasEnded();
            boolean mayKeep = attached && !detached;
            switch (step) {
                case ATTACH -> attached = true;
                case DETACH -> {
                    detached = true;
                    held = true;
                }
                case UNHOLD -> held = false;
                case KEEP -> keeps += mayKeep ? 1 : 0;
                case RELEASE -> keeps--;
            }
            ends += !before && hasEnded() ? 1 : 0;
            return step != Step.KEEP || mayKeep;
        }

        private boolean hasEnded() {
            return detached && !held && keeps == 0;
        }
    }

    private static boolean take(Thing thing, Step step, CountedOpen open) {
        switch (step) {
            case ATTACH -> Life.attach(thing, open, null);
            case DETACH -> Life.detach(thing);
            case UNHOLD -> Life.unhold(thing);
            case KEEP -> {
                return Life.keep(thing);
            }
            case RELEASE -> Life.release(thing);
        }
        return true;
    }

    private static void check(List<Step> steps) {
        Thing thing = new Thing();
        CountedOpen open = new CountedOpen();
        Model model = new Model();
        for (Step step : steps) {
            int word = thing.word();
            if (!model.allows(step)) {
                assertThrows(IllegalStateException.class, () -> take(thing, step, open), () -> steps + " at " + step);
                assertEquals(word, thing.word(), () -> steps + ": changed by a refused " + step);
            } else {
                assertEquals(model.take(step), take(thing, step, open), () -> steps + " at " + step);
            }
            assertEquals(model.keeps, Life.keeps(thing), steps::toString);
            assertEquals(model.detached, Life.isDetached(thing), steps::toString);
            assertEquals(!model.attached, Life.isFresh(thing), steps::toString);
            assertEquals(model.detached || !model.attached, thing.isDetachedOrFresh(), steps::toString);
            assertEquals(model.ends, open.ends, steps::toString);
        }
    }

    @Test
    @DisplayName("every sequence of up to six steps does what plain fields would, and drops the share at most once")
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

    /** A word and the only steps that it allows. */
    private record Row(String name, int word, List<Step> allowed) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static Stream<Row> rows() {
        int detached = Attachable.DETACHED;
        int held = detached | Attachable.HELD;
        int most = Attachable.MOST_KEEPS;
        return Stream.of(
                new Row("fresh", Attachable.FRESH, List.of(Step.ATTACH)),
                new Row("attached", 0, List.of(Step.DETACH, Step.KEEP)),
                new Row("kept", 2, List.of(Step.DETACH, Step.KEEP, Step.RELEASE)),
                new Row("kept most often but one", most - 1, List.of(Step.DETACH, Step.KEEP, Step.RELEASE)),
                new Row("kept most often", most, List.of(Step.DETACH, Step.RELEASE)),
                new Row("held", held, List.of(Step.UNHOLD)),
                new Row("held and kept most often", held | most, List.of(Step.UNHOLD, Step.RELEASE)),
                new Row("detached and kept most often", detached | most, List.of(Step.RELEASE)),
                new Row("ended", detached, List.of()));
    }

    private static Stream<Arguments> rowsAndSteps() {
        return rows().flatMap(row -> Stream.of(Step.values()).map(step -> Arguments.of(row, step)));
    }

    @ParameterizedTest(name = "{1} of one that is {0}")
    @MethodSource("rowsAndSteps")
    @DisplayName("each step is allowed in the states that allow it, and elsewhere leaves the word as it was")
    void eachStepInEachState(Row row, Step step) {
        Thing thing = new Thing();
        CountedOpen open = new CountedOpen();
        thing.open = open;
        thing.set(row.word());
        boolean allowed = row.allowed().contains(step);
        boolean taken;
        try {
            taken = take(thing, step, open);
        } catch (IllegalStateException refused) {
            taken = false;
        }
        assertEquals(allowed, taken);
        assertEquals(allowed, row.word() != thing.word());
        assertFalse(allowed && step != Step.ATTACH && Life.isFresh(thing), "looks as if it had never been attached");
        assertEquals(thing.word() == Attachable.DETACHED && allowed ? 1 : 0, open.ends);
    }

    @Test
    @DisplayName("the word of one that is kept most often survives its whole way to the end")
    void mostKeeps() {
        Thing thing = new Thing();
        CountedOpen open = new CountedOpen();
        Life.attach(thing, open, null);
        thing.set(Attachable.MOST_KEEPS - 1);
        assertTrue(Life.keep(thing));
        assertThrows(IllegalStateException.class, () -> Life.keep(thing));
        Life.detach(thing);
        assertTrue(Life.isDetached(thing));
        assertFalse(Life.isFresh(thing));
        assertEquals(Attachable.MOST_KEEPS, Life.keeps(thing));
        Life.release(thing);
        Life.unhold(thing);
        assertEquals(Attachable.MOST_KEEPS - 1, Life.keeps(thing));
        thing.set(Attachable.DETACHED | 1);
        assertEquals(0, open.ends);
        Life.release(thing);
        assertEquals(1, open.ends);
    }

    @Test
    @DisplayName("attaching gives it its open and its gate, and a refused attaching takes neither away")
    void openAndGate() {
        Thing thing = new Thing();
        assertNull(Life.openOf(thing));
        assertNull(Life.gateOf(thing));
        CountedOpen open = new CountedOpen();
        Gate gate = new Gate();
        Life.attach(thing, open, gate);
        assertThrows(IllegalStateException.class, () -> Life.attach(thing, new CountedOpen(), new Gate()));
        assertSame(open, Life.openOf(thing));
        assertSame(gate, Life.gateOf(thing));
    }

    @Test
    @DisplayName("whichever of the last keep and the hold goes last drops the share, and one without a share ends too")
    void lastOneOut() {
        for (Step last : List.of(Step.UNHOLD, Step.RELEASE)) {
            Step first = last == Step.UNHOLD ? Step.RELEASE : Step.UNHOLD;
            for (boolean shares : new boolean[] {true, false}) {
                Thing thing = new Thing();
                CountedOpen open = new CountedOpen();
                Life.attach(thing, shares ? open : null, null);
                assertTrue(Life.keep(thing));
                Life.detach(thing);
                take(thing, first, open);
                assertEquals(0, open.ends);
                take(thing, last, open);
                assertEquals(shares ? 1 : 0, open.ends);
                assertEquals(Attachable.DETACHED, thing.word());
            }
        }
    }

    @Test
    @DisplayName("an open ends with its last share, and cannot be shared or dropped after that")
    void shares() {
        CountedOpen open = new CountedOpen();
        open.share();
        open.share();
        open.drop();
        open.drop();
        assertEquals(0, open.ends);
        open.drop();
        assertEquals(1, open.ends);
        for (int i = 0; i < 3; i++) {
            assertThrows(IllegalStateException.class, open::share);
            assertThrows(IllegalStateException.class, open::drop);
        }
        assertEquals(1, open.ends);
    }
}
