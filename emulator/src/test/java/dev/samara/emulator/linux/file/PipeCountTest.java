// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The pipes of a guest have together")
final class PipeCountTest {
    private static final int PAGE = 4096;

    private final PipeCount count = new PipeCount();

    private Pipe pipe() {
        return Objects.requireNonNull(Pipe.orNull(count));
    }

    @Test
    @DisplayName("so many pages: then a pipe cannot get more, and a new one has two")
    void pages() {
        int inLarge = GuestLimits.PIPE_BYTES / PAGE;
        List<Pipe> large = new ArrayList<>();
        for (int i = 0; i < GuestLimits.PIPE_PAGES / inLarge - 1; i++) {
            Pipe each = pipe();
            assertEquals(GuestLimits.PIPE_BYTES, each.resize(GuestLimits.PIPE_BYTES));
            large.add(each);
        }
        Pipe other = pipe();
        assertEquals(16 * PAGE, other.capacity());
        assertEquals(LinuxErrno.EPERM, other.resize(GuestLimits.PIPE_BYTES + 1));
        assertEquals(GuestLimits.PIPE_BYTES, other.resize(GuestLimits.PIPE_BYTES));
        Pipe small = pipe();
        assertEquals(2 * PAGE, small.capacity());
        assertEquals(LinuxErrno.EPERM, small.resize(4 * PAGE));
        assertEquals(PAGE, small.resize(1));
        large.get(0).endReader();
        large.get(0).endWriter();
        assertEquals(16 * PAGE, pipe().capacity());
    }

    @Test
    @DisplayName("the pages of a pipe that shrank left for others, however often it grows and shrinks")
    void shrinks() {
        Pipe pipe = pipe();
        for (int i = 0; i < 100; i++) {
            assertEquals(GuestLimits.PIPE_BYTES, pipe.resize(GuestLimits.PIPE_BYTES), "round " + i);
            assertEquals(PAGE, pipe.resize(PAGE));
        }
    }

    @Test
    @DisplayName("so many ends")
    void pipes() {
        List<Pipe> all = new ArrayList<>();
        while (all.size() < GuestLimits.PIPES) {
            all.add(pipe());
        }
        assertNull(Pipe.orNull(count));
        all.get(0).endWriter();
        assertNull(Pipe.orNull(count));
        all.get(0).endReader();
        assertEquals(GuestLimits.PIPES - 1, count.pipes());
        assertEquals(2 * PAGE, pipe().resize(2 * PAGE));
    }
}
