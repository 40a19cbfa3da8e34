// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A lock of a file of the host")
final class HostFileLocksTest extends HostFileFixture {
    private static final OpenOption[] EXCLUSIVE = {StandardOpenOption.WRITE, HostFileOption.EXLOCK};

    private static void assertOther(String expected, Path path) throws Exception {
        ChildJvm.run(LockProbe.class, expected, List.of(), path.toString());
    }

    private static void assertLocked(Path path) throws Exception {
        assertOther("shared refused, exclusive refused", path);
    }

    private static void assertFree(Path path) throws Exception {
        assertOther("shared given, exclusive given", path);
    }

    @Test
    @DisplayName("is seen by another process until the last use of the file, whatever is opened and closed meanwhile")
    void exclusive() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        Path second = Files.createLink(folder.resolve("second"), path);
        HostFile file = open(path, EXCLUSIVE);
        assertEquals(1, channels.open.get());
        assertLocked(path);
        for (OpenOption[] options : List.of(RW, EXCLUSIVE, new OpenOption[0])) {
            HostFile other = open(second, options);
            assertEquals(8, other.pread(bytes(0), 0));
            other.close();
        }
        assertRefused(Errno.EEXIST, path, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        HostFile created = open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        long at = fixture.map(0, 1, READ | WRITE, MapFlags.SHARED, created, 0);
        created.close();
        file.close();
        assertEquals(1, channels.open.get(), "no second descriptor");
        assertLocked(path);
        fixture.store(at, 5);
        assertEquals(0, space.munmap(at, PAGE));
        fixture.machine.awaitQuiescence();
        assertEquals(0, channels.open.get());
        assertFree(path);
        assertEquals(5, number(path, 0));
    }

    @Test
    @DisplayName("is kept though other machines of the process try to open the file, and open others")
    void otherMachine() throws Exception {
        Path path = write("f", PAGE_BYTES);
        Path free = write("g", PAGE_BYTES);
        HostFile file = open(path, EXCLUSIVE);
        Machine other = Machine.builder()
                .memory(64 * PAGE)
                .writeBackEvery(Duration.ZERO)
                .build();
        for (OpenOption[] options : List.of(RW, EXCLUSIVE, new OpenOption[0])) {
            MmException refused = assertThrows(MmException.class, () -> other.openFile(path, GEOMETRY, options));
            assertEquals(Errno.EBUSY, refused.errno());
        }
        other.openFile(free, GEOMETRY, EXCLUSIVE).close();
        other.openFile(free, GEOMETRY, RW).close();
        assertLocked(path);
        file.close();
        HostFile open = other.openFile(path, GEOMETRY, RW);
        assertRefused(Errno.EBUSY, path, EXCLUSIVE);
        HostFile plain = open(path, RW);
        assertRefused(Errno.EBUSY, path, EXCLUSIVE);
        plain.close();
        open.close();
        open(path, EXCLUSIVE).close();
        other.close();
        assertFree(path);
    }

    @Test
    @DisplayName("is kept though the locked file is moved to a path that is being opened")
    void moved() throws Exception {
        Path path = write("f", PAGE_BYTES);
        Path other = write("g", PAGE_BYTES);
        HostFile file = open(path, EXCLUSIVE);
        int[] moves = {0};
        MachineInternals.hostFiles(fixture.machine).openBy((opened, options) -> {
            if (opened.equals(other) && moves[0]++ == 0) {
                Files.move(path, other, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            }
            return channels.open(opened, options);
        });
        HostFile same = open(other, RW);
        assertEquals(file.inode(), same.inode());
        assertEquals(1 + moves[0], channels.open.get(), "descriptors that were opened in vain stay open");
        assertLocked(other);
        same.close();
        file.close();
        assertEquals(0, channels.open.get());
        assertFree(other);
    }

    @Test
    @DisplayName("that is shared lets other processes read, and refuses a second descriptor for writing")
    void shared() throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, HostFileOption.SHLOCK);
        assertOther("shared given, exclusive refused", path);
        assertRefused(Errno.EBUSY, path, RW);
        assertRefused(Errno.EBUSY, path, EXCLUSIVE);
        open(path).close();
        open(path, HostFileOption.SHLOCK).close();
        assertOther("shared given, exclusive refused", path);
        file.close();
        HostFile writable = open(path, StandardOpenOption.WRITE, HostFileOption.SHLOCK);
        assertOther("shared given, exclusive refused", path);
        open(path, RW).close();
        assertOther("shared given, exclusive refused", path);
        writable.close();
        assertFree(path);
    }

    @Test
    @DisplayName("is refused while another process has one, and can be taken once that process is killed")
    void ofOtherProcess() throws Exception {
        Path path = write("f", PAGE_BYTES);
        Path out = folder.resolve("out");
        Process other = ChildJvm.begin(LockProbe.class, out, path.toString(), "keep");
        Await.until("the other process has the lock", () -> said(out).contains("shared given") || !other.isAlive());
        assertTrue(other.isAlive(), () -> said(out));
        assertRefused(Errno.EAGAIN, path, EXCLUSIVE);
        assertEquals(0, channels.open.get());
        open(path, HostFileOption.SHLOCK).close();
        HostFile plain = open(path, RW);
        plain.close();
        other.destroyForcibly();
        other.waitFor();
        open(path, EXCLUSIVE).close();
    }

    private static String said(Path out) {
        try {
            return Files.readString(out);
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Test
    @DisplayName("is refused where other code of the process has one, and options that make no sense are")
    void ofOtherCode() throws Exception {
        Path path = write("f", PAGE_BYTES);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            channel.lock();
            assertRefused(Errno.EBUSY, path, EXCLUSIVE);
        }
        assertThrows(IllegalArgumentException.class, () -> open(path, HostFileOption.EXLOCK));
        assertThrows(
                IllegalArgumentException.class,
                () -> open(path, StandardOpenOption.WRITE, HostFileOption.EXLOCK, HostFileOption.SHLOCK));
        assertThrows(IllegalArgumentException.class, () -> open(path, StandardOpenOption.APPEND));
        assertEquals(0, channels.open.get());
    }

    @Test
    @DisplayName("stays with a file that its last close cannot save")
    void unsaved() throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, EXCLUSIVE);
        assertEquals(8, file.pwrite(bytes(1), 0));
        channels.failure = (call, offset, length) -> {
            if (call == FaultyChannels.ChannelCall.WRITE) {
                throw new IOException("No space left on device");
            }
        };
        file.close();
        assertEquals(1, fixture.reports.size());
        fixture.reports.clear();
        assertLocked(path);
        channels.failure = (call, offset, length) -> {};
        open(path, EXCLUSIVE).close();
        assertEquals(1, number(path, 0));
        assertFree(path);
    }

    /** Locks the second half of a file through a channel. */
    private static FileLock half(FileChannel channel, boolean isShared) throws IOException {
        return Objects.requireNonNull(channel.tryLock(2 * PAGE, 2 * PAGE, isShared));
    }

    @Test
    @DisplayName("through a channel excludes other processes until its release, or the close of the channel")
    void ofChannel() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        FileChannel channel = file.channel();
        FileLock lock = half(channel, false);
        assertTrue(lock.isValid() && !lock.isShared());
        assertSame(channel, lock.acquiredBy());
        assertOther("shared refused, exclusive refused", path);
        HostFile second = open(path, RW);
        FileChannel other = second.channel();
        assertThrows(OverlappingFileLockException.class, () -> half(other, true));
        FileLock first = Objects.requireNonNull(other.tryLock(0, PAGE, true));
        lock.release();
        lock.release();
        assertFalse(lock.isValid());
        assertOther("shared given, exclusive refused", path);
        other.close();
        assertFalse(first.isValid());
        assertThrows(ClosedChannelException.class, first::release);
        assertFree(path);
        assertTrue(half(channel, true).isValid());
        assertThrows(OverlappingFileLockException.class, () -> channel.lock(0, 0, true));
        file.close();
        assertThrows(ClosedChannelException.class, () -> half(channel, true));
        assertFree(path);
        channel.close();
    }

    @Test
    @DisplayName("through a channel is kept though the file is opened and closed meanwhile")
    void ofChannelIsKept() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile reader = open(path);
        HostFile file = open(path, RW);
        FileChannel channel = file.channel();
        half(channel, true).release();
        half(channel, false);
        open(path, RW).close();
        reader.close();
        Machine other = Machine.builder().memory(64 * PAGE).build();
        assertEquals(
                Errno.EBUSY,
                assertThrows(MmException.class, () -> other.openFile(path, GEOMETRY, RW))
                        .errno());
        assertLocked(path);
        channel.close();
        assertFree(path);
        HostFile theirs = other.openFile(path, GEOMETRY, RW);
        try (FileChannel second = open(path, RW).channel()) {
            HostFileException refused = assertThrows(HostFileException.class, () -> half(second, true));
            assertEquals(Errno.EBUSY, refused.errno());
        }
        theirs.close();
        other.close();
    }

    @Test
    @DisplayName("through a channel of a locked file is only checked against others of the machine")
    void ofLockedFile() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        FileChannel channel = open(path, EXCLUSIVE).channel();
        FileChannel other = open(path, EXCLUSIVE).channel();
        FileLock lock = half(channel, false);
        assertThrows(OverlappingFileLockException.class, () -> half(other, true));
        assertTrue(Objects.requireNonNull(other.tryLock(0, 2 * PAGE, true)).isValid());
        lock.release();
        assertLocked(path);
        assertTrue(half(other, false).isValid());
        other.close();
        assertTrue(channel.lock().isValid());
        channel.close();
        assertFree(path);
        FileChannel shared =
                open(path, StandardOpenOption.WRITE, HostFileOption.SHLOCK).channel();
        assertThrows(OverlappingFileLockException.class, () -> half(shared, false));
        assertTrue(half(shared, true).isValid());
        shared.close();
        assertFree(path);
    }

    @Test
    @DisplayName("through a channel waits for another process, unless the thread is interrupted or the channel closed")
    void waits() throws Exception {
        Path path = write("f", PAGE_BYTES);
        Path out = folder.resolve("out");
        FileChannel channel = open(path, RW).channel();
        Process other = ChildJvm.begin(LockProbe.class, out, path.toString(), "keep");
        try {
            Await.until("the lock is given", () -> said(out).contains("shared given"));
            assertNull(channel.tryLock());
            Objects.requireNonNull(channel.tryLock(0, 1, true)).release();
            HeldOperations.Caller<FileLock> interrupted = locking(channel);
            assertThrows(OverlappingFileLockException.class, channel::tryLock, "a thread waits for this range");
            interrupted.thread.interrupt();
            assertThrows(FileLockInterruptionException.class, interrupted::result);
            assertTrue(channel.isOpen());
            HeldOperations.Caller<FileLock> closed = locking(channel);
            channel.close();
            assertThrows(AsynchronousCloseException.class, closed::result);
            FileChannel second = open(path, RW).channel();
            HeldOperations.Caller<FileLock> waits = locking(second);
            other.destroyForcibly();
            assertTrue(waits.result().isValid());
            second.close();
        } finally {
            other.destroyForcibly().waitFor();
        }
    }

    @Test
    @DisplayName("through a channel is refused at once to a thread that is interrupted already")
    void interruptedBefore() throws Exception {
        try (FileChannel channel = open(write("f", PAGE_BYTES), RW).channel()) {
            Thread.currentThread().interrupt();
            assertThrows(FileLockInterruptionException.class, channel::lock);
            assertTrue(Thread.interrupted());
            Objects.requireNonNull(channel.tryLock()).release();
        }
    }

    @Test
    @DisplayName("through the channel of an open of the embedder's channel ends with that open")
    void ofLentChannel() throws Exception {
        Path path = write("f", PAGE_BYTES);
        try (FileChannel lent = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            HostFile file = fixture.machine.openFile("lent", GEOMETRY, lent, true);
            FileLock lock = Objects.requireNonNull(file.channel().tryLock());
            assertLocked(path);
            file.close();
            assertFalse(lock.isValid());
            Objects.requireNonNull(lent.tryLock()).release();
            assertFree(path);
        }
    }

    @Test
    @DisplayName("through a channel waits for the close of a use that has ended, which is no other machine")
    void closeOfEndedUse() throws Exception {
        Object key = new Object();
        ProcessFiles.opened(key);
        ProcessFiles.opened(key);
        assertThrows(HostFileException.class, () -> ProcessFiles.lock(key, "f", () -> "locked"));
        ProcessFiles.ending(key);
        HeldOperations.Caller<String> caller = HeldOperations.start(() -> ProcessFiles.lock(key, "f", () -> "locked"));
        Await.until("the call waits", () -> LockSupport.getBlocker(caller.thread) == key, caller.thread);
        assertNull(ProcessFiles.close(key, List.of()));
        assertEquals("locked", caller.result());
        ProcessFiles.closed(key);
        assertFalse(ProcessFiles.isOpen(key));
    }

    private static HeldOperations.Caller<FileLock> locking(FileChannel channel) {
        HeldOperations.Caller<FileLock> caller = HeldOperations.start(channel::lock);
        Await.until("the call waits", () -> LockSupport.getBlocker(caller.thread) == channel, caller.thread);
        return caller;
    }
}
