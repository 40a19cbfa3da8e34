// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.LazyTlb;
import dev.samara.core.interleave.pair.Combination.Relation;
import dev.samara.interleave.mutant.Mutant;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import dev.samara.testing.Share;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Pairs of operations on one space, judged at each step and at the end")
@Tag("interleave")
@Timeout(1200)
@Explored(16)
final class PairsTest {
    private static final int MOST = 20_000;
    private static final int RUNS = 2;

    private static void explore(Relation relation) throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        Share share = Share.of(relation + " pairs", 32);
        pairs.explore(share.of(Pairs.names(EnumSet.of(relation))), 2);
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }

    @Test
    @DisplayName("each pair of basic kinds on one range, in all schedules with one preemption")
    @Explored(1)
    void pairs() throws InterruptedException {
        explore(Relation.SAME);
    }

    @Test
    @Tag("planted")
    @DisplayName("each pair of basic kinds on ranges that overlap, in all schedules with one preemption")
    @Explored(1)
    void overlappingPairs() throws InterruptedException {
        explore(Relation.OVERLAPPING);
    }

    @Test
    @DisplayName("each pair of a reference and what may be the last put, in all schedules with one preemption")
    @Explored(1)
    void references() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(Share.of("references", 6).of(Pairs.ofReferences()), 2);
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }

    @ParameterizedTest
    @MethodSource("dev.samara.core.fixture.LazyStrategies#ofThisBuild")
    @DisplayName("the end of a space beside CPUs, borrows, reaps and forks, in all schedules with one preemption")
    @Explored(1)
    void exits(LazyTlb strategy) throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), MOST);
        pairs.explore(Share.of("exits", 6).of(LifetimeSets.ofExit(strategy)), 2);
        assertEquals(List.of(), pairs.failures());
        assertEquals(List.of(), pairs.incomplete());
    }

    @Test
    @DisplayName("a scenario with settings and a strategy is judged, and counted under its kinds")
    void settingsAndStrategy() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(0), 1);
        pairs.explore(List.of("use/SAME/close/ANONYMOUS/CHILD/WARM@NONE", "use/SAME/close@HAZARD_POINTER"), 1);
        assertEquals(List.of(), pairs.failures());
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        pairs.print(new PrintStream(printed, true, StandardCharsets.UTF_8));
        String table = printed.toString(StandardCharsets.UTF_8);
        for (String row : List.of("close +2 ", "use +2 ", "CHILD +1 ", "NONE +1 ", "HAZARD_POINTER +1 ")) {
            assertTrue(
                    Pattern.compile('^' + row, Pattern.MULTILINE).matcher(table).find(), () -> row + "\n" + table);
        }
    }

    @Test
    @DisplayName("nothing comes between remap_file_pages' look at a mapping and its new mapping")
    void remapFilePages() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), 1000);
        pairs.explore(
                List.of(
                        "remap-file-pages/SAME/munmap/CACHED_FILE",
                        "remap-file-pages/SAME/mprotect/CACHED_FILE",
                        "remap-file-pages/SAME/mmap/CACHED_FILE"),
                1);
        assertEquals(List.of(), pairs.failures());
    }

    @Test
    @DisplayName("a seal against writes and a writable mapping of the file exclude each other")
    void sealBesideMmap() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.bounded(1), 2000);
        pairs.explore(List.of("seal-write/SAME/mmap-file/PRIVATE_FILE"), 1);
        assertEquals(List.of(), pairs.failures());
    }

    @Test
    @Tag("planted")
    @DisplayName("a covering array of all kinds, in a few schedules; the profile interleave makes all of them")
    @Explored(1)
    void array() throws InterruptedException {
        Pairs pairs = new Pairs(() -> Strategy.random(1, 2, RUNS), RUNS);
        pairs.explore(Share.of("covering array", 16).of(new CoveringArray(PairKinds.names()).names()), 2);
        assertEquals(List.of(), pairs.failures());
    }

    @Test
    @Tag("planted")
    @DisplayName("each triple in a few schedules, with a layout that each operation divides; the profile makes more")
    @Explored(1)
    void triplesDivided() throws InterruptedException {
        Pairs pairs =
                new Pairs(() -> Strategy.random(1, 3, RUNS), RUNS, Mutant.named("each operation divides its layout"));
        List<String> triples = Share.of("triples", 6).of(PairsRun.triples());
        pairs.explore(triples, 2);
        assertEquals(List.of(), pairs.failures());
        assertEquals((long) RUNS * triples.size(), pairs.schedules());
    }
}
