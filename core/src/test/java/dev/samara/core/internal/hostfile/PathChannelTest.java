// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Awake;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
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
    @DisplayName("stays quick after an interrupt before a call, and keeps the interrupt")
    void interruptBefore() throws IOException {
        Thread.currentThread().interrupt();
        assertArrayEquals(content, readAll());
        assertTrue(Thread.interrupted());
        Thread.currentThread().interrupt();
        assertEquals(8, channel.write(ByteBuffer.allocate(8), 0));
        assertTrue(Thread.interrupted());
        FileChannel quick = Objects.requireNonNull(channel.quick());
        assertTrue(quick.isOpen());
        assertEquals(-1, channel.read(ByteBuffer.allocate(1), SIZE));
    }

    /** Runs a task on another thread, which is interrupted again and again. */
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
    @DisplayName("reads on when an interrupt ends a quick call, and keeps the interrupt")
    void interruptsDuringReads() throws Exception {
        interrupted(() -> {
            while (channel.quick() != null) {
                assertArrayEquals(content, readAll());
            }
            return null;
        });
        Thread.currentThread().interrupt();
        assertArrayEquals(content, readAll());
        assertTrue(Thread.interrupted());
    }

    @Test
    @DisplayName("writes all bytes when an interrupt ends a quick call")
    void interruptsDuringWrites() throws Exception {
        byte[] written = new byte[SIZE];
        interrupted(() -> {
            for (int i = 1; channel.quick() != null; i++) {
                new Random(i).nextBytes(written);
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
    @DisplayName("goes on after an interrupt though the file is deleted, or another one has its path")
    void gone() throws IOException {
        Files.delete(path);
        Files.write(path, new byte[SIZE]);
        Objects.requireNonNull(channel.quick()).close();
        assertArrayEquals(content, readAll());
        assertNull(channel.quick());
    }

    @Test
    @DisplayName("does not open another file that has come to its path")
    void replaced() throws IOException {
        Object key = Files.readAttributes(path, BasicFileAttributes.class).fileKey();
        try (FileChannel again = PathChannel.openAgain(path, key, true)) {
            assertNotNull(again);
        }
        Files.move(Files.write(folder.resolve("g"), content), folder.resolve("f2"));
        assertNull(PathChannel.openAgain(folder.resolve("f2"), key, true));
        assertNull(PathChannel.openAgain(folder.resolve("missing"), key, true));
    }

    @Test
    @DisplayName("is closed by its close")
    void closed() throws IOException {
        FileChannel quick = Objects.requireNonNull(channel.quick());
        channel.close();
        assertTrue(!quick.isOpen());
        assertThrows(ClosedChannelException.class, () -> channel.read(ByteBuffer.allocate(1), 0));
    }
}
