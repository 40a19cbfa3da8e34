// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.Advice;
import dev.samara.core.mman.RemapFlags;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A call that meets the end of the heap leaves nothing behind, wherever it was. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class HeapSweepTest {
    private static final long A = 0x10_0000_0000L;
    private static final long C = 0x30_0000_0000L;
    private static final long LENGTH = 8 * 4096;

    /** The caller gets an Error only of what was not published. */
    static final class Unmap extends StackSweepTest.Scene {
        private boolean isDone;

        @Override
        public boolean call() {
            isDone = space.munmap(A, LENGTH) == 0;
            return isDone;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertEquals(isDone, space.find(A) == null, "unmapped, as the caller was told");
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("munmap")
    void unmap() throws Exception {
        HeapSweep.sweep(Unmap.class);
    }

    /** What of it was published is done all the same, and the future says so. */
    static final class UnmapLater extends StackSweepTest.Scene {
        private @Nullable CompletableFuture<Long> future;

        @Override
        public boolean call() {
            future = space.munmapAsync(A, LENGTH);
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            CompletableFuture<Long> promised = future;
            if (promised != null) {
                long result = Await.result("the future", promised, List.of());
                assertTrue(result == 0 || result < 0, "result " + result);
                assertEquals(result == 0, space.find(A) == null, "unmapped, as the future says");
            } else {
                assertNotNull(space.find(A), "nobody has a future");
            }
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("munmapAsync")
    void unmapLater() throws Exception {
        HeapSweep.sweep(UnmapLater.class);
    }

    static final class Move extends StackSweepTest.Scene {
        private boolean isDone;

        @Override
        public boolean call() {
            isDone = space.mremap(A, LENGTH, LENGTH, RemapFlags.MAYMOVE | RemapFlags.FIXED, C) == C;
            return isDone;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            assertEquals(isDone, space.find(C) != null, "moved, as the caller was told");
            assertEquals(isDone, space.find(A) == null, "moved, as the caller was told");
            assertEquals(0, space.munmap(C, LENGTH));
            super.judge(thrown);
        }
    }

    @Test
    @DisplayName("mremap that moves")
    void move() throws Exception {
        HeapSweep.sweep(Move.class);
    }

    static final class Discard extends StackSweepTest.Scene {
        @Override
        public boolean call() {
            return space.madvise(A, LENGTH, Advice.DONTNEED) == 0;
        }
    }

    @Test
    @DisplayName("madvise(DONTNEED)")
    void discard() throws Exception {
        HeapSweep.sweep(Discard.class);
    }
}
