// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.bench.index.EditableIndex;
import dev.samara.bench.index.Indexes;
import dev.samara.bench.memory.FaultBenchmark;
import dev.samara.bench.memory.GuestAccessBenchmark;
import dev.samara.bench.memory.TlbMissBenchmark;
import dev.samara.bench.memory.WalkBenchmark;
import dev.samara.testing.Explored;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.infra.Blackhole;

/** Calls each benchmark a few times with each index that it offers, as JMH would call it, but in this process. */
@Explored(3)
class BenchmarksTest {
    private static final int CALLS = 300;

    private final Blackhole sink = new Blackhole(
            "Today's password is swordfish. I understand instantiating Blackholes directly is dangerous.");

    private static Stream<String> indexes(Class<?> state) {
        return parameter(state, "index");
    }

    static Stream<String> lookedUp() {
        return indexes(LookupBenchmark.LookupIndex.class);
    }

    static Stream<String> updated() {
        return indexes(UpdateBenchmark.class);
    }

    static Stream<String> searched() {
        return indexes(GapBenchmark.class);
    }

    static Stream<String> scanned() {
        return indexes(IterateBenchmark.class);
    }

    static Stream<String> kept() {
        return indexes(SnapshotBenchmark.SnapshotIndex.class);
    }

    static Stream<String> mixed() {
        return indexes(MixedBenchmark.class);
    }

    @ParameterizedTest
    @MethodSource("lookedUp")
    @DisplayName("LookupBenchmark runs with each pattern")
    void lookups(String index) {
        LookupBenchmark benchmark = new LookupBenchmark();
        for (String pattern : new String[] {"random", "local", "sequential", "dependent"}) {
            LookupBenchmark.LookupIndex filled = new LookupBenchmark.LookupIndex();
            filled.index = index;
            filled.ranges = 30;
            filled.pattern = pattern;
            filled.heap = pattern.equals("random") ? "collected" : "filled";
            filled.setUp();
            LookupBenchmark.LookupPosition place = new LookupBenchmark.LookupPosition();
            long read = 0;
            for (int i = 0; i < CALLS; i++) {
                benchmark.get(filled, place, sink);
                read += benchmark.use(filled, place);
            }
            assertNotEquals(0, read);
        }
    }

    @ParameterizedTest
    @MethodSource("updated")
    @DisplayName("UpdateBenchmark leaves each index as it was")
    void updates(String index) {
        calls(update(index), UpdateBenchmark::eraseAndStore, CALLS);
        calls(update(index), UpdateBenchmark::storeAndErase, CALLS);
        calls(update(index), UpdateBenchmark::grow, CALLS);
        calls(update(index), UpdateBenchmark::growAndKeep, CALLS);
    }

    private static UpdateBenchmark update(String index) {
        UpdateBenchmark benchmark = new UpdateBenchmark();
        benchmark.index = index;
        benchmark.ranges = 30;
        benchmark.setUp();
        return benchmark;
    }

    private static void calls(UpdateBenchmark benchmark, Consumer<UpdateBenchmark> method, int calls) {
        for (int i = 0; i < calls; i++) {
            method.accept(benchmark);
        }
        benchmark.tearDown();
    }

    @ParameterizedTest
    @MethodSource("searched")
    @DisplayName("GapBenchmark leaves each index as it was")
    void searches(String index) {
        for (int free : new int[] {10, 50}) {
            GapBenchmark benchmark = new GapBenchmark();
            benchmark.index = index;
            benchmark.ranges = 100;
            benchmark.free = free;
            benchmark.setUp();
            for (int i = 0; i < CALLS; i++) {
                benchmark.searchAndStore();
                benchmark.searchHighestAndStore();
                benchmark.storeAtKnownPlace();
            }
            benchmark.tearDown();
        }
    }

    @ParameterizedTest
    @MethodSource("scanned")
    @DisplayName("IterateBenchmark comes by as many ranges each way")
    void scans(String index) {
        IterateBenchmark benchmark = new IterateBenchmark();
        benchmark.index = index;
        benchmark.ranges = 200;
        benchmark.setUp();
        assertEquals(benchmark.scan(), benchmark.scanBackwards());
        for (int i = 0; i < CALLS; i++) {
            assertNotEquals(0, benchmark.scanRow());
        }
    }

    @ParameterizedTest
    @MethodSource("kept")
    @DisplayName("SnapshotBenchmark takes a snapshot as often as it says, and leaves the old content")
    void snapshots(String index) {
        SnapshotBenchmark benchmark = new SnapshotBenchmark();
        for (int changes : new int[] {0, 1, 16}) {
            SnapshotBenchmark.SnapshotIndex filled = new SnapshotBenchmark.SnapshotIndex();
            filled.index = index;
            filled.ranges = 30;
            filled.setUp();
            SnapshotBenchmark.Rhythm rhythm = new SnapshotBenchmark.Rhythm();
            rhythm.changes = changes;
            Set<@Nullable Object> taken = Collections.newSetFromMap(new IdentityHashMap<>());
            for (int i = 0; i < 161; i++) {
                taken.add(benchmark.change(filled, rhythm));
            }
            assertEquals(changes == 0 ? 1 : (161 + changes - 1) / changes, taken.size());
            assertEquals(changes == 0, taken.contains(null));
            assertNotNull(benchmark.take(filled));
            filled.tearDown();
        }
    }

    @ParameterizedTest
    @MethodSource("mixed")
    @DisplayName("MixedBenchmark reads beside its writer, and leaves the old content")
    void mixes(String index) throws InterruptedException {
        MixedBenchmark benchmark = new MixedBenchmark();
        benchmark.index = index;
        benchmark.ranges = 30;
        benchmark.setUp();
        Thread reader = new Thread(() -> {
            MixedBenchmark.ReaderPosition place = new MixedBenchmark.ReaderPosition();
            MixedBenchmark.ProcessorTime watch = new MixedBenchmark.ProcessorTime();
            watch.start();
            for (int i = 0; i < CALLS; i++) {
                benchmark.reader(place, watch, sink);
                benchmark.undisturbed(place, watch, sink);
            }
            watch.stop();
        });
        reader.start();
        MixedBenchmark.WriterPosition turn = new MixedBenchmark.WriterPosition();
        for (int i = 0; i < CALLS; i++) {
            benchmark.writer(turn);
            benchmark.spinner();
        }
        reader.join();
        benchmark.tearDown();
    }

    static Stream<String> faulted() {
        return parameter(FaultBenchmark.AllPages.class, "kind");
    }

    private static Stream<String> parameter(Class<?> state, String name) {
        try {
            return Arrays.stream(state.getField(name).getAnnotation(Param.class).value());
        } catch (NoSuchFieldException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @MethodSource("faulted")
    @DisplayName("FaultBenchmark meets no fault that is not minor, and each leaves its page")
    void faults(String kind) {
        FaultBenchmark benchmark = new FaultBenchmark();
        for (String where : new String[] {"random", "nearby"}) {
            FaultBenchmark.AllPages pages = new FaultBenchmark.AllPages();
            pages.kind = kind;
            pages.where = where;
            pages.vmas = 40;
            pages.setUp();
            for (int i = 0; i < 20; i++) {
                pages.undo();
                assertEquals(0, benchmark.fault(pages), kind);
            }
            pages.tearDown();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"file_1", "file_16", "anonymous", "zero"})
    @DisplayName("FaultBenchmark's rival meets no fault that is not minor either")
    void lockedFaults(String kind) {
        FaultBenchmark benchmark = new FaultBenchmark();
        FaultBenchmark.EasyPages pages = new FaultBenchmark.EasyPages();
        pages.kind = kind;
        pages.where = "random";
        pages.vmas = 40;
        pages.setUp();
        for (int i = 0; i < 20; i++) {
            pages.undo();
            assertEquals(0, benchmark.treeMapAndLock(pages), kind);
            assertNotEquals(0, benchmark.nothing(pages));
        }
        pages.tearDown();
    }

    @ParameterizedTest
    @ValueSource(strings = {"sequential", "random", "dependent"})
    @DisplayName("WalkBenchmark finds equal entries in four levels and in one")
    void walks(String pattern) {
        for (int pages : new int[] {1 << 12, 1 << 9}) {
            WalkBenchmark walked = walk(pattern, pages, true);
            WalkBenchmark flat = walk(pattern, pages, false);
            for (int i = 0; i < 10; i++) {
                long found = walked.walk();
                assertEquals(flat.flat(), found);
                assertNotEquals(0, found);
            }
        }
    }

    private static WalkBenchmark walk(String pattern, int pages, boolean loads) {
        WalkBenchmark benchmark = new WalkBenchmark();
        benchmark.pattern = pattern;
        benchmark.pages = pages;
        benchmark.loads = loads;
        benchmark.setUp();
        return benchmark;
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 64, 2048})
    @DisplayName("GuestAccessBenchmark reads equal numbers in one step and from an array")
    void guestAccesses(int pages) {
        GuestAccessBenchmark benchmark = new GuestAccessBenchmark();
        for (String pattern : new String[] {"independent", "dependent"}) {
            GuestAccessBenchmark.Hits hits = new GuestAccessBenchmark.Hits();
            hits.pages = pages;
            hits.pattern = pattern;
            hits.setUp();
            for (int i = 0; i < 20; i++) {
                benchmark.store(hits);
                benchmark.plainStore(hits);
                assertEquals(benchmark.plainLoad(hits), benchmark.hit(hits));
            }
            hits.tearDown();
        }
    }

    @Test
    @DisplayName("TlbMissBenchmark reads each page and its entry in an array, and comes back from GUEST")
    void guestMisses() {
        TlbMissBenchmark benchmark = new TlbMissBenchmark();
        TlbMissBenchmark.Misses misses = new TlbMissBenchmark.Misses();
        misses.pages = 1 << 10;
        misses.setUp();
        for (int i = 0; i < 20; i++) {
            assertEquals(benchmark.flatMiss(misses), benchmark.miss(misses));
        }
        misses.tearDown();
        TlbMissBenchmark.Entries entries = new TlbMissBenchmark.Entries();
        entries.setUp();
        for (int i = 0; i < CALLS; i++) {
            benchmark.guestAndBack(entries);
            benchmark.volatileStore(entries);
        }
        entries.tearDown();
    }

    @Test
    @DisplayName("an index that has lost a range is noticed at the end")
    void lost() {
        KeySet keys = KeySet.of(30);
        EditableIndex index = Indexes.named(Indexes.SAMARA, EditableIndex.class);
        index.fill(keys.shuffled());
        keys.requireIn(index);
        index.remove(keys.sorted().get(7));
        assertThrows(IllegalStateException.class, () -> keys.requireIn(index));
    }
}
