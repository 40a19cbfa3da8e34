// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Awake;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("A channel of a path")
@Timeout(120)
final class PathChannelTest {
    private static final Set<StandardOpenOption> RW = Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
    private static final int SIZE = 4 << 20;
    private static final int ROUNDS = 20;

    @TempDir
    Path folder;

    private final byte[] content = new byte[SIZE];
    private Path path;
    private PathChannel channel;

    @BeforeEach
    void open() throws IOException {
        new Random(1).nextBytes(content);
        path = Files.write(folder.resolve("f"), content);
        channel = PathChannel.open(path, RW);
    }

    @AfterEach
    void close() throws IOException {
        channel.close();
    }

    private byte[] readAll() throws IOException {
        ByteBuffer target = ByteBuffer.allocateDirect(SIZE);
        while (target.hasRemaining()) {
            assertTrue(channel.read(target, target.position()) > 0);
        }
        byte[] read = new byte[SIZE];
        target.get(0, read);
        return read;
    }

    @Test
    @DisplayName("reads and writes on an interrupted thread, and keeps the interrupt")
    void interruptBefore() throws IOException {
        Thread.currentThread().interrupt();
        assertArrayEquals(content, readAll());
        assertTrue(Thread.interrupted());
        Thread.currentThread().interrupt();
        assertEquals(8, channel.write(ByteBuffer.allocate(8), 0));
        assertTrue(Thread.interrupted());
        assertEquals(-1, channel.read(ByteBuffer.allocate(1), SIZE));
    }

    /** Runs a task on another thread, which is interrupted repeatedly. */
    private static void interrupted(Callable<Void> work) throws Exception {
        FutureTask<Void> task = new FutureTask<>(work);
        Thread thread = new Thread(task, "interrupted");
        thread.start();
        while (!task.isDone()) {
            thread.interrupt();
            Awake.turn();
        }
        task.get();
        thread.join();
    }

    @Test
    @DisplayName("reads all bytes though interrupts arrive during the reads")
    void interruptsDuringReads() throws Exception {
        interrupted(() -> {
            for (int round = 0; round < ROUNDS; round++) {
                assertArrayEquals(content, readAll());
            }
            return null;
        });
    }

    @Test
    @DisplayName("writes all bytes though interrupts arrive during the writes")
    void interruptsDuringWrites() throws Exception {
        byte[] written = new byte[SIZE];
        interrupted(() -> {
            for (int round = 0; round < ROUNDS; round++) {
                new Random(round + 2).nextBytes(written);
                ByteBuffer source = ByteBuffer.wrap(written);
                while (source.hasRemaining()) {
                    assertTrue(channel.write(source, source.position()) > 0);
                }
            }
            return null;
        });
        assertArrayEquals(written, Files.readAllBytes(path));
    }

    @Test
    @DisplayName("stays one of its file though that is deleted, and another file has its path")
    void gone() throws IOException {
        Files.delete(path);
        Files.write(path, new byte[SIZE]);
        Thread.currentThread().interrupt();
        assertArrayEquals(content, readAll());
        assertTrue(Thread.interrupted());
    }

    @Test
    @DisplayName("is closed by its close")
    void closed() throws IOException {
        channel.close();
        assertThrows(ClosedChannelException.class, () -> channel.read(ByteBuffer.allocate(1), 0));
    }
}
