// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.MachineBuilder;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a host file does, whatever frame store contains the frames. */
@ExtendWith(OneThread.class)
abstract class HostFileRules extends HostFileFixture {
    HostFileRules(MachineBuilder builder) {
        super(builder.memory(512 * PAGE).poisonFrames(true).writeBackEvery(Duration.ZERO));
    }

    @Test
    @DisplayName("is read at the first access, and no page twice")
    void reads() throws Exception {
        HostFile file = open(write("f", 3 * PAGE_BYTES + 100));
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
        for (int page = 0; page < 4; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        assertEquals(0, fixture.load(at + 3 * PAGE + 96), "zeros after the end");
        int reads = channels.reads.get();
        assertTrue(reads <= 4, () -> "reads: " + reads);
        long second = fixture.map(0, 4, READ | WRITE, MapFlags.PRIVATE, file, 0);
        fixture.store(second, 1);
        assertEquals(STAMP, fixture.load(at));
        assertEquals(STAMP + 2, fixture.load(second + 2 * PAGE));
        assertEquals(reads, channels.reads.get());
        assertEquals(3 * PAGE + 100, file.size());
        file.close();
        assertEquals(STAMP + 1, fixture.load(at + PAGE), "a mapping keeps it open");
    }

    @Test
    @DisplayName("has one page cache for all its opens and spaces")
    void oneCache() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES);
        Path link = Files.createLink(folder.resolve("link"), path);
        HostFile reader = open(path);
        HostFile writer = open(link, RW);
        assertEquals(reader.pageCache(), writer.pageCache());
        assertEquals(reader.inode(), writer.inode());
        AddressSpace second = fixture.machine.newSpace(GEOMETRY);
        long at = fixture.map(0, 2, READ, MapFlags.SHARED, reader, 0);
        try (OtherCpu other = new OtherCpu(second)) {
            long there = second.mmap(0, 2 * PAGE, READ | WRITE, MapFlags.SHARED, writer, 0);
            assertFault(Fault.NONE, other.call(cpu -> cpu.memory().store(there + 8, 8, 5)));
            assertEquals(5, fixture.load(at + 8));
            assertEquals(8, writer.pwrite(bytes(6), 16));
            assertEquals(6, fixture.load(at + 16));
            ByteBuffer target = bytes(0);
            assertEquals(8, reader.pread(target, 8));
            assertEquals(5, target.getLong(0));
        }
        second.close();
        reader.close();
        writer.close();
    }

    @Test
    @DisplayName("opened for reading only cannot be written")
    void readOnly() throws Exception {
        HostFile file = open(write("f", PAGE_BYTES));
        assertResult(Errno.EACCES, space.mmap(0, PAGE, READ | WRITE, MapFlags.SHARED, file, 0));
        assertResult(Errno.EBADF, file.pwrite(bytes(1), 0));
        assertResult(Errno.EINVAL, file.truncate(0));
        assertResult(Errno.EBADF, file.punch(0, 1));
        assertEquals(0, file.fsync());
        file.close();
        file.close();
        assertResult(Errno.EBADF, file.fsync());
        assertResult(Errno.EBADF, file.pread(bytes(0), 0));
        assertResult(Errno.EBADF, space.mmap(0, PAGE, READ, MapFlags.SHARED, file, 0));
    }

    @Test
    @DisplayName("that cannot be opened is a clear error")
    void refused() throws Exception {
        assertRefused(Errno.ENOENT, folder.resolve("missing"));
        assertRefused(Errno.EISDIR, folder);
        assertRefused(Errno.EEXIST, write("f", 1), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        assertThrows(
                IllegalArgumentException.class, () -> open(folder.resolve("f"), StandardOpenOption.DELETE_ON_CLOSE));
        assertThrows(IllegalArgumentException.class, () -> open(folder.resolve("g"), StandardOpenOption.CREATE));
        HostFile made = open(folder.resolve("new"), StandardOpenOption.WRITE, StandardOpenOption.CREATE);
        assertEquals(0, made.size());
        made.close();
        assertTrue(Files.exists(folder.resolve("new")));
    }

    @Test
    @DisplayName("that is a FIFO is refused, and not waited for")
    void fifo() throws Exception {
        Path fifo = folder.resolve("fifo");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/mkfifo")), "no mkfifo");
        assertEquals(
                0,
                new ProcessBuilder("/usr/bin/mkfifo", fifo.toString()).start().waitFor());
        assertRefused(Errno.ENODEV, fifo);
        assertRefused(Errno.ENODEV, Path.of("/dev/null"));
    }

    @Test
    @DisplayName("on a read-only file system is refused for writing with EROFS, and is read")
    void readOnlySystem() throws Exception {
        Path path = write("f", PAGE_BYTES);
        channels.isReadOnly = true;
        assertRefused(Errno.EROFS, path, RW);
        HostFile file = open(path);
        long at = fixture.map(0, 1, READ, MapFlags.SHARED, file, 0);
        assertEquals(STAMP, fixture.load(at));
        assertRefused(Errno.EROFS, path, RW);
        assertResult(Errno.EACCES, space.mmap(0, PAGE, READ | WRITE, MapFlags.SHARED, file, 0));
        file.close();
    }

    @Test
    @DisplayName("whose file system becomes read-only tells EROFS once for each open, and is saved when it can be")
    void becomesReadOnly() throws Exception {
        Path path = write("f", 2 * PAGE_BYTES);
        HostFile file = open(path, RW);
        HostFile other = open(path, RW);
        long at = fixture.map(0, 2, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + PAGE, 5);
        channels.failure = (call, offset, length) -> {
            if (call != FaultyChannels.ChannelCall.READ) {
                throw new IOException("Read-only file system");
            }
        };
        assertResult(Errno.EROFS, space.msync(at, 2 * PAGE, SyncFlags.SYNC));
        assertResult(Errno.EROFS, other.fsync());
        assertResult(Errno.EROFS, file.truncate(PAGE));
        assertResult(Errno.EROFS, file.pwrite(bytes(6), 4 * PAGE));
        assertEquals(2 * PAGE, file.size());
        assertEquals(5, fixture.load(at + PAGE), "nothing is lost");
        channels.failure = (call, offset, length) -> {};
        assertEquals(STAMP + 1, number(path, PAGE));
        assertResult(Errno.EROFS, file.fsync());
        assertEquals(0, file.fsync());
        assertEquals(0, other.fsync());
        assertEquals(5, number(path, PAGE));
        assertEquals(2 * PAGE, Files.size(path));
        other.close();
        file.close();
    }

    @Test
    @DisplayName("that was deleted is saved and read through its mappings until the last use ends, and then is gone")
    void deleted() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 8, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at, 1);
        Files.delete(path);
        assertRefused(Errno.ENOENT, path, RW);
        fixture.store(at + PAGE, 2);
        assertEquals(8, file.pwrite(bytes(3), 7 * PAGE));
        assertEquals(0, file.fsync());
        assertEquals(0, file.revalidate());
        assertEquals(8 * PAGE, file.size());
        file.pageCache().remove(0, 8);
        assertEquals(1, fixture.load(at), "read again from the file without a name");
        assertEquals(STAMP + 5, fixture.load(at + 5 * PAGE));
        assertEquals(3, fixture.load(at + 7 * PAGE));
        file.close();
        assertEquals(2, fixture.load(at + PAGE), "a mapping keeps it");
        HostFile next = open(path, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
        assertEquals(0, next.size(), "another file");
        next.close();
        Files.delete(path);
        fixture.store(at, 4);
        assertEquals(0, space.munmap(at, 8 * PAGE));
        fixture.machine.awaitQuiescence();
        assertEquals(0, channels.open.get());
        assertRefused(Errno.ENOENT, path);
    }

    @Test
    @DisplayName("whose page cannot be read is a SIGBUS for that access, and the next access reads again")
    void readError() throws Exception {
        HostFile file = open(write("f", 8 * PAGE_BYTES));
        long at = fixture.map(0, 8, READ, MapFlags.SHARED, file, 0);
        channels.failure = (call, offset, length) -> {
            if (offset <= PAGE && offset + length > PAGE) {
                throw new IOException("Input/output error");
            }
        };
        assertFault(Fault.ADRERR, fixture.memory.load(at + PAGE, 8));
        assertEquals(STAMP, fixture.load(at), "another page that is read with it does not fail it");
        assertResult(Errno.EIO, file.pread(bytes(0), PAGE));
        channels.failure = (call, offset, length) -> {};
        assertEquals(STAMP + 1, fixture.load(at + PAGE));
        file.close();
    }

    @Test
    @DisplayName("is read in short parts, too")
    void shortReads() throws Exception {
        HostFile file = open(write("f", 4 * PAGE_BYTES));
        channels.mostBytes = 1000;
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, file, 0);
        for (int page = 0; page < 4; page++) {
            assertEquals(STAMP + page, fixture.load(at + page * PAGE));
        }
        file.close();
    }

    @Test
    @DisplayName("that another program makes shorter is a SIGBUS beyond the end, and nothing makes it longer")
    void shrunk() throws Exception {
        Path path = write("f", 8 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 8, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at + 6 * PAGE, 1);
        fixture.store(at, 2);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            channel.truncate(2 * PAGE + 8);
        }
        assertFault(Fault.ADRERR, fixture.memory.load(at + 3 * PAGE, 8));
        assertFault(Fault.ADRERR, fixture.memory.load(at + 6 * PAGE, 8));
        assertEquals(2 * PAGE + 8, file.size());
        assertEquals(0, file.fsync());
        assertEquals(2 * PAGE + 8, Files.size(path));
        assertEquals(2, number(path, 0));
        fixture.store(at + 2 * PAGE, 3);
        Files.write(path, new byte[0]);
        assertEquals(0, file.fsync());
        assertEquals(0, Files.size(path), "found by the write-back");
        assertEquals(0, file.size());
        Files.write(path, new byte[PAGE_BYTES]);
        assertEquals(0, file.revalidate());
        assertEquals(PAGE, file.size());
        file.close();
    }

    @Test
    @DisplayName("that another program makes longer is found by an access beyond the end")
    void grown() throws Exception {
        Path path = write("f", PAGE_BYTES - 8);
        HostFile reader = open(path);
        long at = fixture.map(0, 4, READ, MapFlags.SHARED, reader, 0);
        assertEquals(0, fixture.load(at + PAGE - 8));
        Files.write(path, bytes(9).array(), StandardOpenOption.APPEND);
        Files.write(path, bytes(10).array(), StandardOpenOption.APPEND);
        assertEquals(10, fixture.load(at + PAGE));
        assertEquals(9, fixture.load(at + PAGE - 8), "the last page has the new bytes, too");
        HostFile writer = open(path, RW);
        long second = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, writer, 0);
        fixture.store(second + PAGE, 11);
        Files.write(path, bytes(12).array(), StandardOpenOption.APPEND);
        assertEquals(0, writer.revalidate());
        assertEquals(12, fixture.load(at + PAGE + 8));
        assertEquals(11, fixture.load(at + PAGE));
        reader.close();
        writer.close();
    }

    @Test
    @DisplayName("that another program makes several pages longer is found at once, and its bytes are kept")
    void grownByPages() throws Exception {
        Path path = write("f", PAGE_BYTES - 8);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 5, READ | WRITE, MapFlags.SHARED, file, 0);
        fixture.store(at, 1);
        Files.write(path, new byte[8 + PAGE_BYTES], StandardOpenOption.APPEND);
        Files.write(path, bytes(3).array(), StandardOpenOption.APPEND);
        assertEquals(3, fixture.load(at + 2 * PAGE), "the first access finds the page");
        fixture.store(at + 2 * PAGE, 4);
        Files.write(path, new byte[PAGE_BYTES - 8], StandardOpenOption.APPEND);
        Files.write(path, bytes(5).array(), StandardOpenOption.APPEND);
        assertEquals(8, file.pwrite(bytes(6), 3 * PAGE + 16));
        assertEquals(5, fixture.load(at + 3 * PAGE), "a write into the new page keeps the bytes before it");
        assertEquals(0, file.fsync());
        ByteBuffer written = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(5, written.getLong(3 * PAGE_BYTES));
        assertEquals(6, written.getLong(3 * PAGE_BYTES + 16));
        assertEquals(4, written.getLong(2 * PAGE_BYTES));
        file.close();
    }

    @Test
    @DisplayName("that another program makes longer than a truncation asks for is cut to that")
    void grownBeforeTruncation() throws Exception {
        Path path = write("f", PAGE_BYTES);
        HostFile file = open(path, RW);
        Files.write(path, new byte[2 * PAGE_BYTES], StandardOpenOption.APPEND);
        assertEquals(0, file.truncate(2 * PAGE));
        assertEquals(2 * PAGE, file.size());
        assertEquals(2 * PAGE, Files.size(path));
        file.close();
    }

    @Test
    @DisplayName("has bytes in a buffer, too")
    void buffer() {
        byte[] array = new byte[2 * PAGE_BYTES + 8];
        array[PAGE_BYTES] = 7;
        HostFile file = fixture.machine.openFile("bytes", GEOMETRY, ByteBuffer.wrap(array));
        long at = fixture.map(0, 3, READ | WRITE, MapFlags.SHARED, file, 0);
        assertEquals(7, fixture.load(at + PAGE));
        fixture.store(at + 2 * PAGE, 9);
        fixture.store(at + 2 * PAGE + 8, 10);
        assertResult(Errno.EFBIG, file.pwrite(bytes(1), 2 * PAGE + 8));
        assertEquals(4, file.pwrite(bytes(9L << 32 | 9), 2 * PAGE + 4), "as many bytes as there is room for");
        assertEquals(0, file.fsync());
        assertEquals(9, array[2 * PAGE_BYTES]);
        HostFile constant = fixture.machine.openFile(
                "constant", GEOMETRY, ByteBuffer.wrap(array).asReadOnlyBuffer());
        assertResult(Errno.EBADF, constant.pwrite(bytes(1), 0));
        constant.close();
        file.close();
    }

    @Test
    @DisplayName("has the bytes of a channel, which an interrupt does not close, and which stays its owner's")
    void channel() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            HostFile file = fixture.machine.openFile("channel", GEOMETRY, channel, true);
            HostFile again = fixture.machine.openFile("again", GEOMETRY, channel, false);
            assertEquals(file.pageCache(), again.pageCache());
            long at = fixture.map(0, 6, READ | WRITE, MapFlags.SHARED, file, 0);
            Thread.currentThread().interrupt();
            assertEquals(8, file.pread(bytes(0), PAGE));
            assertEquals(8, file.pwrite(bytes(3), 5 * PAGE));
            assertEquals(0, file.fsync());
            assertTrue(Thread.interrupted());
            assertEquals(STAMP + 3, fixture.load(at + 3 * PAGE));
            assertEquals(3, number(path, 5 * PAGE));
            assertEquals(0, file.truncate(PAGE));
            assertEquals(PAGE, Files.size(path));
            assertEquals(0, space.munmap(at, 6 * PAGE));
            again.close();
            file.close();
            fixture.machine.awaitQuiescence();
            assertTrue(channel.isOpen());
        }
        FileChannel closed = FileChannel.open(path);
        closed.close();
        MmException refused =
                assertThrows(MmException.class, () -> fixture.machine.openFile("c", GEOMETRY, closed, false));
        assertEquals(Errno.EIO, refused.errno());
    }

    @Test
    @DisplayName("is not closed by an interrupt of a thread that reads or writes")
    void interrupts() throws Exception {
        Path path = write("f", 4 * PAGE_BYTES);
        HostFile file = open(path, RW);
        long at = fixture.map(0, 4, READ | WRITE, MapFlags.SHARED, file, 0);
        Thread.currentThread().interrupt();
        ByteBuffer target = bytes(0);
        assertEquals(8, file.pread(target, PAGE));
        assertEquals(8, file.pwrite(bytes(3), 2 * PAGE));
        assertEquals(0, file.fsync());
        assertTrue(Thread.interrupted());
        assertEquals(3, fixture.load(at + 2 * PAGE));
        assertEquals(3, number(path, 2 * PAGE));
        file.close();
    }
}
