// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.MachineStatistics;
import dev.samara.emulator.elf.ElfFile.ElfException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests a host that cannot create more threads. */
@Timeout(60)
@DisplayName("A host that refuses a thread")
final class RefusedThreadTest {
    @TempDir
    private Path root;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private Emulation emulation(String name) throws IOException, URISyntaxException {
        return SmallEmulation.of(name, root, out, new PrintWriter(out, false, StandardCharsets.UTF_8));
    }

    /**
     * Allows the given number of threads to start, and then refuses all others; returns the number of refused threads.
     */
    private static AtomicInteger limit(Emulation emulation, int most) {
        AtomicInteger started = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        emulation.startThreadsBy(thread -> {
            if (started.incrementAndGet() > most) {
                refused.incrementAndGet();
                throw new OutOfMemoryError("unable to create native thread");
            }
            thread.start();
        });
        return refused;
    }

    @ParameterizedTest(name = "after {0}")
    @ValueSource(ints = {1, 2, 4, 5, 6})
    @DisplayName("is EAGAIN for the guest, which goes on; nothing of the thread or process stays")
    void refused(int most) throws Exception {
        Emulation emulation = emulation("refused");
        AtomicInteger refused = limit(emulation, most);
        int status = emulation.run();
        assertEquals("ok refused\n", out.toString(StandardCharsets.UTF_8));
        assertEquals(0, status);
        // The program starts four threads if none is refused, and two children.
        assertEquals(most < 5 ? 3 : 7 - most, refused.get());
        MachineStatistics memory = Objects.requireNonNull(emulation.memory());
        assertEquals(0, memory.framesInUse());
        assertEquals(0, memory.pageTableBytes());
    }

    @Test
    @DisplayName("for the first thread ends the run with a complaint")
    void first() throws Exception {
        Emulation emulation = emulation("threads");
        limit(emulation, 0);
        assertThrows(ElfException.class, emulation::run);
    }

    @ParameterizedTest(name = "thread {0}")
    @ValueSource(ints = {2, 5, 6, 7})
    @DisplayName("that cannot be made, by a fault of the emulator, ends its process, of which nothing stays")
    void unmade(int number) throws Exception {
        Emulation emulation = emulation("refused");
        AtomicInteger made = new AtomicInteger();
        emulation.beforeEachThread(() -> {
            if (made.incrementAndGet() == number) {
                throw new IllegalStateException("by the test");
            }
        });
        assertEquals(128 + 9, emulation.run());
        String reported = out.toString(StandardCharsets.UTF_8);
        assertTrue(reported.contains("by the test"), reported);
        assertEquals(0, emulation.openFiles());
        MachineStatistics memory = Objects.requireNonNull(emulation.memory());
        assertEquals(0, memory.framesInUse());
        assertEquals(0, memory.pageTableBytes());
    }

    @Test
    @DisplayName("ends a guest that is stopped from outside, with the status of SIGTERM")
    void stopped() throws Exception {
        Emulation emulation = emulation("threads");
        emulation.stop();
        assertEquals(128 + 15, emulation.run());
    }
}
