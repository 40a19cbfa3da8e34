// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointBenchmarkTest {
    private static final int CALLS = 20;

    private final CheckpointBenchmark benchmark = new CheckpointBenchmark();

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    @DisplayName("a checkpoint waits for the threads in GUEST, and no others, and is closed before the next")
    void checkpoints(int guests) throws InterruptedException {
        CheckpointBenchmark.Marked space = new CheckpointBenchmark.Marked();
        space.mib = 1;
        space.vmas = 300;
        space.guests = guests;
        space.setUp();
        for (int i = 0; i < CALLS; i++) {
            benchmark.checkpoint(space);
            space.closeMade();
            benchmark.checkpointAndClose(space);
        }
        assertEquals(guests != 0, space.filled.machine.statistics().shootdowns() != 0);
        space.tearDown();
    }

    @ParameterizedTest
    @ValueSource(strings = {"checkpoint", "restore", "fork"})
    @DisplayName("each first store copies its page")
    void stores(String after) {
        CheckpointBenchmark.Shared pages = new CheckpointBenchmark.Shared();
        pages.after = after;
        pages.setUp();
        for (int i = 0; i < CALLS; i++) {
            pages.prepare();
            long before = pages.filled.machine.statistics().copiesOnWrite();
            benchmark.firstStore(pages);
            assertEquals(1024, pages.filled.machine.statistics().copiesOnWrite() - before);
        }
        pages.tearDown();
    }

    @Test
    @DisplayName("a restore puts back as many pages as were written")
    void restores() {
        CheckpointBenchmark.Written space = new CheckpointBenchmark.Written();
        space.mib = 1;
        space.pages = 10;
        space.setUp();
        for (int i = 0; i < CALLS; i++) {
            space.write();
            assertEquals(10, benchmark.restore(space));
        }
        space.tearDown();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mprotect", "munmap"})
    @DisplayName("a restore brings back each mapping that was changed")
    void restoresMappings(String call) {
        CheckpointBenchmark.Changed space = new CheckpointBenchmark.Changed();
        space.vmas = 30;
        space.changed = 10;
        space.call = call;
        space.setUp();
        List<String> before = space.filled.space.snapshot().maps();
        for (int i = 0; i < CALLS; i++) {
            space.change();
            assertNotEquals(before, space.filled.space.snapshot().maps());
            benchmark.restoreMappings(space);
            assertEquals(before, space.filled.space.snapshot().maps());
        }
        space.tearDown();
    }
}
