// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.EditableIndex;
import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Measures changes of the stored ranges on a single thread.
 *
 * <p>If a method reverts its change, the figure is the time of the pair. With {@code -prof gc}, {@code
 * gc.alloc.rate.norm} is the number of bytes that each figure's operations allocate. Ranges and their parts are created
 * before the measurement, so only the structure allocates.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class UpdateBenchmark {
    private static final int GROWN = 1 << 10;

    /** The name of the structure. */
    @Param({
        Indexes.SAMARA,
        Indexes.SKIPLIST,
        Indexes.TREEMAP_RWLOCK,
        Indexes.TREEMAP_STAMPED,
        Indexes.GUAVA_RWLOCK,
        Indexes.FASTUTIL_RWLOCK,
        Indexes.MVSTORE,
        Indexes.COW_ARRAY,
        Indexes.INTERVAL_TREE_RWLOCK,
        Indexes.COW_ARRAY_GENERIC
    })
    public String index;

    /** The number of ranges stored. */
    @Param({"1000", "100000", "1000000"})
    public int ranges;

    private KeySet keys;
    private EditableIndex structure;
    private Range[] stored;
    private Range[] forHoles;
    private Range[][] grown;
    private int position;
    private int stage;

    /** Called by JMH; {@link #setUp()} fills the index. */
    public UpdateBenchmark() {}

    /** Stores the ranges and draws the changes. */
    @Setup
    public void setUp() {
        keys = KeySet.of(ranges);
        structure = Indexes.named(index, EditableIndex.class);
        structure.fill(keys.shuffled());
        UpdateArguments edits = new UpdateArguments(keys);
        stored = edits.stored();
        forHoles = edits.forHoles();
        grown = edits.grown(GROWN);
    }

    /** Checks that the index contains the same ranges as at the start, except for the range that is being grown. */
    @TearDown
    public void tearDown() {
        if (stage > 0) {
            Range[] stages = grown[position];
            structure.resize(stages[stage], stages[0]);
            stage = 0;
        }
        keys.requireIn(structure);
    }

    private int next() {
        position = (position + 1) & (UpdateArguments.PICKS - 1);
        return position;
    }

    /** Erases a range and stores it again. */
    @Benchmark
    @About("a pair: the erase of a range, and its store")
    public void eraseAndStore() {
        Range range = stored[next()];
        structure.remove(range);
        structure.insert(range);
    }

    /** Stores a range into a hole and erases it again. */
    @Benchmark
    @About("a pair: a store into a gap, and its erase")
    public void storeAndErase() {
        Range range = forHoles[next()];
        structure.insert(range);
        structure.remove(range);
    }

    /**
     * Grows a range by a page. If the hole behind it is full, restores the range instead and moves on to another range.
     */
    @Benchmark
    @About("a range grows by a page, repeatedly until its gap is full")
    public void grow() {
        Range[] stages = grown[position];
        int before = stage;
        stage = before + 1 == stages.length ? 0 : before + 1;
        structure.resize(stages[before], stages[stage]);
        if (stage == 0) {
            position = (position + 1) & (GROWN - 1);
        }
    }

    /** Like {@link #grow}, but a structure that stores a range's bounds separately from its value keeps the value. */
    @Benchmark
    @About("the same, and the value stays where it has not the bounds")
    public void growAndKeep() {
        Range[] stages = grown[position];
        int before = stage;
        stage = before + 1 == stages.length ? 0 : before + 1;
        structure.resizeAndKeep(stages[0], stages[before], stages[stage]);
        if (stage == 0) {
            position = (position + 1) & (GROWN - 1);
        }
    }
}
