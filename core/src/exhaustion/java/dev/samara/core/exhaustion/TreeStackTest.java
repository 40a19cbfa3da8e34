// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import dev.samara.core.fixture.ChildJvm;
import dev.samara.maple.MapleTree;
import dev.samara.maple.RangeEntry;
import dev.samara.testing.Share;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Overflows the stack near an in-place edit of the range tree. */
@DisplayName("An edit of the range tree, at the end of the stack,")
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class TreeStackTest {
    private static final String VERDICT = "no edit is half made";

    /** Recurses to each depth near the end of a stack, and edits a tree there. */
    static final class Dives {
        private static final int STACK_BYTES = 256 << 10;

        /** Enough frames, each at one depth, to cover the stack that an edit needs. */
        private static final int DEPTHS = 300;

        /** The maximum number of wider frames above the other frames; each shifts those by 8 bytes. */
        private static final int PADS = 16;

        private static final int SIZE = 10;
        private static final long WIDTH = 0x1000;

        /** Part of an entry in the middle; replacing it changes the leaf's pivots. */
        private static final long PART = 5 * WIDTH + 0x100;

        private static final List<Consumer<MapleTree<String>>> EDITS = List.of(
                tree -> tree.erase(PART, PART + 0xff),
                tree -> tree.store(PART, PART + 0xff, "new"),
                tree -> tree.insert(20 * WIDTH, 20 * WIDTH + 0xff, "new"),
                tree -> grow(tree, 0x200));

        private static int refused;
        private static int done;
        private static int wrong;

        private Dives() {}

        /** The arguments are the numbers of wider frames. */
        public static void main(String[] arguments) throws InterruptedException {
            for (String pads : arguments) {
                int wider = Integer.parseInt(pads);
                for (Consumer<MapleTree<String>> edit : EDITS) {
                    Thread thread = new Thread(null, () -> tryDepths(wider, edit), "dives", STACK_BYTES);
                    thread.start();
                    thread.join();
                }
            }
            boolean isGood = wrong == 0 && refused > 0 && done > 0;
            System.out.println(
                    done + " done, " + refused + " refused, " + wrong + " half made: " + (isGood ? VERDICT : "wrong"));
            System.exit(isGood ? 0 : 1);
        }

        private static MapleTree<String> tree() {
            MapleTree<String> tree = new MapleTree<>();
            for (int i = 0; i < SIZE; i++) {
                tree.store(i * WIDTH, i * WIDTH + WIDTH - 1, "v" + i);
            }
            tree.erase(7 * WIDTH, 7 * WIDTH + WIDTH - 1);
            // From now on this boundary moves in place, without a new leaf.
            grow(tree, 0x100);
            return tree;
        }

        private static void grow(MapleTree<String> tree, long by) {
            tree.store(6 * WIDTH, 7 * WIDTH + by - 1, Objects.requireNonNull(tree.get(6 * WIDTH)));
        }

        private static int dive(int frames, Runnable edit) {
            if (frames == 0) {
                edit.run();
                return 0;
            }
            return 1 + dive(frames - 1, edit);
        }

        /** Its frame is one local variable wider than that of {@link #dive}. */
        private static int pad(int pads, int frames, Runnable edit, long wider) {
            return pads == 0 ? dive(frames, edit) : 1 + pad(pads - 1, frames, edit, wider);
        }

        private static void tryDepths(int pads, Consumer<MapleTree<String>> edit) {
            List<RangeEntry<String>> before = tree().entries();
            MapleTree<String> edited = tree();
            edit.accept(edited);
            List<RangeEntry<String>> after = edited.entries();
            int deepest = DEPTHS;
            try {
                for (; ; deepest += 5) {
                    pad(pads, deepest, () -> {}, 0);
                }
            } catch (StackOverflowError end) {
                // The end of the stack was found.
            }
            for (int frames = deepest - DEPTHS; frames <= deepest; frames++) {
                MapleTree<String> tree = tree();
                List<RangeEntry<String>> expected = after;
                try {
                    pad(pads, frames, () -> edit.accept(tree), 0);
                    done++;
                } catch (StackOverflowError end) {
                    refused++;
                    // The unlock may have overflowed the stack, after the edit was made.
                    expected = tree.entries().equals(after) ? after : before;
                }
                wrong += isWhole(tree, expected) ? 0 : 1;
            }
        }

        /**
         * Returns whether the tree is valid and contains the expected entries. Runs in the thread that made the edit,
         * which may have left the writer lock locked at the end of the stack.
         */
        private static boolean isWhole(MapleTree<String> tree, List<RangeEntry<String>> expected) {
            try {
                tree.validate();
                // These edit the same leaf in place.
                tree.store(0, 0xff, "next");
                tree.store(0, WIDTH - 1, "v0");
                tree.validate();
                return tree.entries().equals(expected);
            } catch (AssertionError | IndexOutOfBoundsException e) {
                return false;
            }
        }
    }

    private static void dive(String... options) throws Exception {
        List<Integer> pads = IntStream.range(0, Dives.PADS).boxed().toList();
        String[] shared = Share.of("wider frames", 1).of(pads).stream()
                .map(String::valueOf)
                .toArray(String[]::new);
        ChildJvm.run(Dives.class, VERDICT, List.of(options), shared);
    }

    @Test
    @DisplayName("is made, or has changed nothing")
    void interpreted() throws Exception {
        dive("-Xint");
    }

    @Test
    @DisplayName("is made, or has changed nothing, also where it is compiled")
    void compiled() throws Exception {
        dive();
    }
}
