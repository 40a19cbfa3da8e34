// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.sync.CheckedLock.CheckedReadWriteLock;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Explored;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A call that runs out of stack or heap leaves no file lock behind. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(4)
final class FileLocksSweepTest {
    private static final int PAGE = 4096;
    private static final int BYTES = 8 * PAGE;

    /** A host file that no other thread uses. */
    abstract static class Scene implements StackSweep.Scene {
        final Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        final HostFile file;
        final ByteBuffer page = ByteBuffer.allocate(PAGE);

        Scene() {
            try {
                Path path = Files.createTempFile("swept", null);
                Files.write(path, new byte[BYTES]);
                file = machine.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.READ, StandardOpenOption.WRITE);
                Files.delete(path);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
            assertEquals(PAGE, file.pwrite(page, 0));
        }

        /**
         * Uses the file from another thread. The calling thread is still alive, so a lock that it left behind would
         * block these calls.
         */
        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            CompletableFuture<Long> results = new CompletableFuture<>();
            Thread other = new Thread(() -> {
                long failed = file.punch(2 * PAGE, PAGE);
                failed |= file.truncate(BYTES + PAGE) | file.fsync();
                results.complete(failed | (file.pwrite(ByteBuffer.allocate(PAGE), 0) - PAGE));
            });
            other.setDaemon(true);
            other.start();
            assertEquals(0, Await.result("calls of another thread", results, List.of()));
            file.close();
        }
    }

    static final class Punch extends Scene {
        @Override
        public boolean call() {
            return file.punch(0, PAGE) == 0;
        }
    }

    @Test
    @DisplayName("punch")
    void punch() throws Exception {
        StackSweep.sweep(Punch.class);
    }

    static final class Truncate extends Scene {
        @Override
        public boolean call() {
            return file.truncate(BYTES - PAGE) == 0;
        }
    }

    @Test
    @DisplayName("truncate")
    void truncate() throws Exception {
        StackSweep.sweep(Truncate.class);
    }

    static final class Write extends Scene {
        @Override
        public boolean call() {
            return file.pwrite(page.clear(), 0) == PAGE && file.fsync() == 0;
        }
    }

    @Test
    @DisplayName("pwrite and fsync")
    void write() throws Exception {
        StackSweep.sweep(Write.class);
    }

    /** A second reader locks while another thread is reading; a first reader never needs memory. */
    static final class Shared implements StackSweep.Scene {
        private final CheckedReadWriteLock lock = new CheckedReadWriteLock();
        private final CompletableFuture<Boolean> isOver = new CompletableFuture<>();
        private final Thread reader = new Thread(this::readToTheEnd);
        private final CompletableFuture<Boolean> isBegun = new CompletableFuture<>();

        private void readToTheEnd() {
            lock.lockShared();
            try {
                isBegun.complete(true);
                isOver.join();
            } finally {
                lock.unlockShared();
            }
        }

        @Override
        public void prepare() {
            reader.setDaemon(true);
            reader.start();
            isBegun.join();
        }

        @Override
        public boolean call() {
            lock.lockShared();
            lock.unlockShared();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            isOver.complete(true);
            CompletableFuture<Boolean> isWritten = new CompletableFuture<>();
            Thread writer = new Thread(() -> {
                lock.lock();
                try {
                    isWritten.complete(true);
                } finally {
                    lock.unlock();
                }
            });
            writer.setDaemon(true);
            writer.start();
            Await.result("a writer", isWritten, List.of());
        }
    }

    @Test
    @DisplayName("a lock that readers share, in a full heap")
    void shared() throws Exception {
        HeapSweep.sweepWithoutNeed(Shared.class);
    }
}
