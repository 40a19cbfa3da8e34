// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.emulator.linux.ExecutionMode;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("A difference is an exception by name")
final class NamedExceptionsTest {
    private static final String EVENTS =
            " | fd 0 flags 2 ends 0 at 0 mode 600 links 1 user any size 0 i0 atime 0.0 mtime 0.0";
    private static final String FILE =
            " | fd 0 flags 2 ends 0 at 0 mode 100600 links 1 user own size 0 i0 atime now mtime now";

    private static Difference difference(String step, String descriptor) {
        List<Step> script = ScriptText.parse(List.of(step));
        return new Difference(ExecutionMode.INTERPRETED, 0, script, "-11" + descriptor, "0" + descriptor);
    }

    @ParameterizedTest
    @ValueSource(strings = {"flock(0, 5)", "fcntl(0, 37, {h1 h0 q0 q3 w0})"})
    @DisplayName("if another program has a lock of the inode of all event counters, and not if it has one of a file")
    void lockOfEvents(String step) {
        assertNotNull(NamedExceptions.of(difference(step, EVENTS)));
        assertNull(NamedExceptions.of(difference(step, FILE)));
    }
}
