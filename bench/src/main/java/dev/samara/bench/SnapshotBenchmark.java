// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import dev.samara.bench.index.EditableIndex;
import dev.samara.bench.index.Indexes;
import dev.samara.bench.index.Range;
import dev.samara.bench.index.Versioned;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
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
 * The cost of a snapshot, and its effect on the changes that follow it.
 *
 * <p>If a snapshot is a copy, as with {@code treemap-rwlock}, its whole cost is paid when it is taken. If it is a
 * reference to the current state, the next change may have to copy more.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 3,
        jvmArgsPrepend = {"-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch"})
public class SnapshotBenchmark {
    /** Called by JMH. */
    public SnapshotBenchmark() {}

    /** The index. */
    @State(Scope.Thread)
    public static class SnapshotIndex {
        /** The name of the structure. */
        @Param({Indexes.SAMARA, Indexes.TREEMAP_RWLOCK, Indexes.MVSTORE, Indexes.COW_ARRAY})
        public String index;

        /** The number of ranges stored. */
        @Param({"30", "1000", "100000", "1000000"})
        public int ranges;

        private KeySet keys;
        private EditableIndex structure;
        private Versioned versions;
        private Range[] forHoles;
        private @Nullable Object snapshot;
        private int position;
        private boolean isStored;

        /** Called by JMH; {@link #setUp()} fills the index. */
        public SnapshotIndex() {}

        /** Stores the ranges and draws the changes. */
        @Setup
        public void setUp() {
            keys = KeySet.of(ranges);
            structure = Indexes.named(index, EditableIndex.class);
            versions = (Versioned) structure;
            structure.fill(keys.shuffled());
            forHoles = new UpdateArguments(keys).forHoles();
        }

        /** Checks that the index contains the same ranges as at the start. */
        @TearDown
        public void tearDown() {
            if (isStored) {
                change();
            }
            keys.requireIn(structure);
        }

        /** Stores into a hole, or erases the range that the last call stored. */
        private void change() {
            Range range = forHoles[position];
            if (isStored) {
                structure.remove(range);
                position = (position + 1) & (UpdateArguments.PICKS - 1);
            } else {
                structure.insert(range);
            }
            isStored = !isStored;
        }
    }

    /** The interval of the snapshots. */
    @State(Scope.Thread)
    public static class Rhythm {
        /** The number of changes per snapshot, or 0 for no snapshots. */
        @Param({"0", "1", "16"})
        public int changes;

        private int left;

        /** Called by JMH. */
        public Rhythm() {}

        private boolean isDue() {
            if (changes == 0) {
                return false;
            }
            left = left == 0 ? changes - 1 : left - 1;
            return left == changes - 1;
        }
    }

    /**
     * Takes a snapshot.
     *
     * @param filled the index
     * @return the snapshot
     */
    @Benchmark
    @About("a snapshot")
    public Object take(SnapshotIndex filled) {
        return filled.versions.snapshot();
    }

    /**
     * Makes a change, after a snapshot if one is due; the figure includes the snapshot.
     *
     * @param filled the index
     * @param rhythm the interval
     * @return the last snapshot, which stays reachable until the next one
     */
    @Benchmark
    @About("a store or an erase, with a snapshot before each (changes=1), each 16th (16) or none (0)")
    public @Nullable Object change(SnapshotIndex filled, Rhythm rhythm) {
        if (rhythm.isDue()) {
            filled.snapshot = filled.versions.snapshot();
        }
        filled.change();
        return filled.snapshot;
    }
}
