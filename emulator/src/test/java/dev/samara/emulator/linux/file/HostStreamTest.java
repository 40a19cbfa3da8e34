// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Tests standard output that the host rejects or does not take. */
@DisplayName("A write to a stream of the host")
@Timeout(60)
final class HostStreamTest {
    private static final class StreamThread implements FileThread {
        private final Thread runner = Thread.currentThread();
        private int signals;
        private volatile boolean isKilled;
        private Runnable whenParking = () -> {};

        @Override
        public boolean park(long deadline) {
            whenParking.run();
            return FileThread.super.park(deadline);
        }

        void kill() {
            isKilled = true;
            wake();
        }

        @Override
        public boolean mustEnd() {
            return isKilled;
        }

        @Override
        public void sendPipeSignal() {
            signals++;
        }

        @Override
        public boolean isInterrupted() {
            return isKilled;
        }

        @Override
        public void wake() {
            LockSupport.unpark(runner);
        }
    }

    /** An output that takes bytes only when it is read. */
    private static final class UnreadOutput extends OutputStream {
        private final ByteArrayOutputStream taken = new ByteArrayOutputStream();
        private final Semaphore readers = new Semaphore(0);
        private final Semaphore begun = new Semaphore(0);

        @Override
        public void write(int one) {
            write(new byte[] {(byte) one}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            begun.release();
            readers.acquireUninterruptibly();
            taken.write(bytes, from, length);
        }
    }

    private final StreamThread thread = new StreamThread();

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static long write(HostStream stream, StreamThread thread, byte[] bytes) {
        return stream.write(thread, GuestFile.POSITION, bytes.length, (from, to, length) -> {
            System.arraycopy(bytes, (int) from, to, 0, length);
            return length;
        });
    }

    private long write(String error) {
        OutputStream failing = new OutputStream() {
            @Override
            public void write(int one) throws IOException {
                throw new IOException(error);
            }
        };
        return write(new HostStream(failing, false), thread, new byte[1]);
    }

    @Test
    @DisplayName("that nobody reads is EPIPE and SIGPIPE; other errors are their errno without a signal")
    void errors() {
        assertEquals(LinuxErrno.EPIPE, write("Broken pipe"));
        assertEquals(1, thread.signals);
        assertEquals(LinuxErrno.ENOSPC, write("No space left on device"));
        assertEquals(LinuxErrno.EIO, write("Input/output error"));
        assertEquals(1, thread.signals);
    }

    /** Starts a write, and kills its thread while the host has taken a number of pieces, and nobody reads the next. */
    private static long killed(HostStream stream, UnreadOutput unread, byte[] bytes, int pieces) throws Exception {
        CompletableFuture<StreamThread> writer = new CompletableFuture<>();
        CompletableFuture<Long> result = new CompletableFuture<>();
        Thread runner = new Thread(() -> {
            StreamThread made = new StreamThread();
            writer.complete(made);
            result.complete(write(stream, made, bytes));
        });
        runner.start();
        unread.readers.release(pieces);
        unread.begun.acquire(pieces + 1);
        writer.get().kill();
        runner.join();
        return result.get();
    }

    @Test
    @DisplayName("that was ended counts its piece in flight for the thread's next write, once the host has taken it")
    void late() {
        UnreadOutput unread = new UnreadOutput();
        HostStream stream = new HostStream(unread, false);
        thread.whenParking = thread::kill;
        assertEquals(LinuxErrno.RESTART, write(stream, thread, text("abc")));
        thread.isKilled = false;
        thread.whenParking = () -> {};
        unread.readers.release(3);
        // Its turn comes when the piece is taken.
        assertEquals(1, write(stream, new StreamThread(), text("x")));
        assertEquals(5, write(stream, thread, text("abcde")));
        assertEquals("abcxde", unread.taken.toString(StandardCharsets.US_ASCII));
        stream.close();
    }

    @Test
    @DisplayName(
            "that nobody reads ends with its process, and its piece in flight is not made again for the next write")
    void repeated() throws Exception {
        UnreadOutput unread = new UnreadOutput();
        HostStream stream = new HostStream(unread, false);
        assertEquals(LinuxErrno.RESTART, killed(stream, unread, text("abc"), 0));
        thread.whenParking = () -> unread.readers.release(2);
        assertEquals(5, write(stream, thread, text("abcde")));
        assertEquals("abcde", unread.taken.toString(StandardCharsets.US_ASCII));
        stream.close();
    }

    @Test
    @DisplayName("waits for the piece in flight of a process that has ended, if it starts with other bytes")
    void another() throws Exception {
        UnreadOutput unread = new UnreadOutput();
        HostStream stream = new HostStream(unread, false);
        assertEquals(LinuxErrno.RESTART, killed(stream, unread, text("abc"), 0));
        thread.whenParking = () -> unread.readers.release(2);
        assertEquals(2, write(stream, thread, text("xy")));
        assertEquals("abcxy", unread.taken.toString(StandardCharsets.US_ASCII));
        stream.close();
    }

    @Test
    @DisplayName("counts only the pieces that the host has taken when its process ends")
    void partial() throws Exception {
        UnreadOutput unread = new UnreadOutput();
        HostStream stream = new HostStream(unread, false);
        assertEquals(8192, killed(stream, unread, new byte[10_000], 2));
        unread.readers.release();
        stream.close();
    }
}
