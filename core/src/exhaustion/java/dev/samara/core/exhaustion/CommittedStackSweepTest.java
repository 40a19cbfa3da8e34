// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.CommittedMemory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Charges committed memory near the end of a stack. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class CommittedStackSweepTest {
    private static final long LIMIT = 64 << 20;

    /**
     * More than a stripe contains, so the charge acquires the lock, closes all stripes and redistributes the memory.
     */
    private static final long MUCH = LIMIT / 4;

    static final class Charge implements StackSweep.Scene {
        private final CommittedMemory memory = new CommittedMemory(LIMIT);

        @Override
        public boolean call() {
            return memory.charge(MUCH);
        }

        @Override
        public void judge(@Nullable Throwable thrown) {
            long charged = thrown == null ? MUCH : 0;
            assertEquals(charged, memory.bytes(), "committed");
            assertTrue(memory.charge(LIMIT - charged), "something is lost");
        }
    }

    @Test
    @DisplayName("a charge is made or not, and leaves nothing locked")
    void charge() throws Exception {
        StackSweep.sweep(Charge.class);
    }
}
