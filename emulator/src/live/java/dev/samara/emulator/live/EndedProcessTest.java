// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.linux.ExecutionMode;
import dev.samara.testing.judge.Task;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests cases that scripts cannot compare, because the two sides have different processors. */
@DisplayName("A process that has ended, and is not reaped")
final class EndedProcessTest {
    private static final int SET = JudgedCall.SCHED_SETAFFINITY.number(Architecture.RV64);
    private static final int GET = JudgedCall.SCHED_GETAFFINITY.number(Architecture.RV64);
    private static final int WAIT = JudgedCall.WAITID.number(Architecture.RV64);

    /** WEXITED | WNOWAIT. */
    private static final int LEAVING = 0x0100_0004;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    @Test
    @DisplayName("keeps the processors of its first thread, which may be changed")
    void processors() throws Exception {
        try (GuestSide side = GuestSide.start(folder, ExecutionMode.INTERPRETED, false)) {
            Task first = side.judge().first();
            long memory = side.judge().scratch();
            long pid = Long.parseLong(first.ask("F").split(" ", 2)[1]);
            // Stores in the child's own memory.
            assertEquals("ok", first.ask("@0 s 8 " + Long.toHexString(memory) + " 2"));
            assertEquals("0", first.ask("@0 " + Task.callRequest(SET, 0, 8, memory)));
            first.ask(">0 " + Task.callRequest(JudgedCall.EXIT_GROUP.number(Architecture.RV64), 0));
            first.call(WAIT, 1, pid, 0, LEAVING, 0);
            assertEquals(2, get(first, pid, memory));
            first.store(8, memory, 1);
            assertEquals(0, first.call(SET, pid, 8, memory));
            first.store(8, memory, 0);
            assertEquals(1, get(first, pid, memory));
        }
    }

    private static long get(Task asking, long pid, long memory) {
        assertEquals(8, asking.call(GET, pid, 8, memory));
        return ByteBuffer.wrap(asking.bytes(memory, 8))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
    }
}
