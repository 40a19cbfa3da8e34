// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.file.Path;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests an emulator in which a thread fails, as if memory were exhausted. */
@Timeout(60)
@DisplayName("A thread of the emulator that fails")
final class EmulatorMutantsTest {
    @TempDir
    private Path root;

    private final OutOfMemoryError exhausted = new OutOfMemoryError("by the test");

    private Emulation emulation(Writer reports) throws Exception {
        OutputStream out = new OutputStream() {
            @Override
            public void write(int unused) {
                throw exhausted;
            }
        };
        return SmallEmulation.of("brk", root, out, new PrintWriter(reports));
    }

    @Test
    @DisplayName("is reported, and its process is killed")
    void reported() throws Exception {
        StringWriter reports = new StringWriter();
        assertEquals(128 + 9, emulation(reports).run());
        assertTrue(reports.toString().contains("by the test"), reports::toString);
    }

    @Test
    @DisplayName("ends the run if it cannot be reported: nobody waits for an end that may never come")
    void unreported() throws Exception {
        Emulation emulation = emulation(new Writer() {
            @Override
            public void write(char[] text, int from, int length) {
                throw exhausted;
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        });
        assertSame(exhausted, assertThrows(OutOfMemoryError.class, emulation::run));
    }
}
