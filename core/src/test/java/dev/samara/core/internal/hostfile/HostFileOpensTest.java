// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static dev.samara.core.fixture.SpaceFixture.assertResult;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileException;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.fixture.AllocatedBytes;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.fixture.HeldOperations;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.OtherCpu;
import dev.samara.core.fixture.ReachableObjects;
import dev.samara.core.interleave.scenario.HeapFrames;
import dev.samara.core.internal.file.Eviction;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Array;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("Opens of files of the host:")
final class HostFileOpensTest {
    /** What a host file does, whatever frame store contains the frames. */
    abstract static class Rules extends HostFileFixture {
        Rules(MachineBuilder builder) {
            super(builder.memory(512 * PAGE).poisonFrames(true).writeBackEvery(Duration.ZERO));
        }

        @Test
        @DisplayName("is read at the first access, and no page twice")
        void reads() throws Exception {
            HostFile file = open(write("f", 3 * PAGE_BYTES + 100));
            long at = fixture.map(0, 4, READ, Mman.SHARED, file, 0);
            for (int page = 0; page < 4; page++) {
                assertEquals(STAMP + page, fixture.load(at + page * PAGE));
            }
            assertEquals(0, fixture.load(at + 3 * PAGE + 96), "zeros after the end");
            int reads = channels.reads.get();
            assertTrue(reads <= 4, () -> "reads: " + reads);
            long second = fixture.map(0, 4, READ | WRITE, Mman.PRIVATE, file, 0);
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
            write("f", 2 * PAGE_BYTES);
            Path link = Files.createLink(folder.resolve("link"), path);
            HostFile reader = open(path);
            HostFile writer = open(link, RW);
            assertEquals(reader.pageCache(), writer.pageCache());
            assertEquals(reader.inode(), writer.inode());
            AddressSpace second = fixture.machine.newSpace(GEOMETRY);
            long at = fixture.map(0, 2, READ, Mman.SHARED, reader, 0);
            try (OtherCpu other = new OtherCpu(second)) {
                long there = second.mmap(0, 2 * PAGE, READ | WRITE, Mman.SHARED, writer, 0);
                assertFault(Fault.NONE, other.call(cpu -> cpu.memory().store(there + 8, 8, 5)));
                assertEquals(5, fixture.load(at + 8));
                assertEquals(8, writer.pwrite(bytes(6), 16));
                assertEquals(6, fixture.load(at + 16));
                assertEquals(5, reader.getLong(8));
            }
            second.close();
        }

        @Test
        @DisplayName("opened for reading only cannot be written")
        void readOnly() throws Exception {
            HostFile file = open(write("f", PAGE_BYTES));
            assertResult(Errno.EACCES, space.mmap(0, PAGE, READ | WRITE, Mman.SHARED, file, 0));
            assertResult(Errno.EBADF, file.pwrite(bytes(1), 0));
            assertResult(Errno.EINVAL, file.truncate(0));
            assertResult(Errno.EBADF, file.punch(0, 1));
            assertEquals(0, file.fsync());
            file.close();
            file.close();
            assertResult(Errno.EBADF, file.fsync());
            assertResult(Errno.EBADF, file.pread(bytes(0), 0));
            assertResult(Errno.EBADF, space.mmap(0, PAGE, READ, Mman.SHARED, file, 0));
        }

        @Test
        @DisplayName("that cannot be opened is a clear error")
        void refused() throws Exception {
            assertRefused(Errno.ENOENT, folder.resolve("missing"));
            assertRefused(Errno.EISDIR, folder);
            assertRefused(Errno.EEXIST, write("f", 1), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
            assertThrows(IllegalArgumentException.class, () -> open(path, StandardOpenOption.DELETE_ON_CLOSE));
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
                    new ProcessBuilder("/usr/bin/mkfifo", fifo.toString())
                            .start()
                            .waitFor());
            assertRefused(Errno.ENODEV, fifo);
            assertRefused(Errno.ENODEV, Path.of("/dev/null"));
        }

        @Test
        @DisplayName("on a read-only file system is refused for writing with EROFS, and is read")
        void readOnlySystem() throws Exception {
            write("f", PAGE_BYTES);
            channels.isReadOnly = true;
            assertRefused(Errno.EROFS, path, RW);
            HostFile file = open(path);
            long at = fixture.map(0, 1, READ, Mman.SHARED, file, 0);
            assertEquals(STAMP, fixture.load(at));
            assertRefused(Errno.EROFS, path, RW);
            assertResult(Errno.EACCES, space.mmap(0, PAGE, READ | WRITE, Mman.SHARED, file, 0));
        }

        @Test
        @DisplayName("whose file system becomes read-only tells EROFS once for each open, and is saved when it can be")
        void becomesReadOnly() throws Exception {
            HostFile file = openNew(2);
            HostFile other = open(path, RW);
            long at = fixture.map(0, 2, READ | WRITE, Mman.SHARED, file, 0);
            fixture.store(at + PAGE, 5);
            channels.failure = (call, offset, length) -> {
                if (call != ChannelCall.READ) {
                    throw new IOException("Read-only file system");
                }
            };
            assertResult(Errno.EROFS, space.msync(at, 2 * PAGE, Mman.SYNC));
            assertResult(Errno.EROFS, other.fsync());
            assertResult(Errno.EROFS, file.truncate(PAGE));
            assertResult(Errno.EROFS, file.pwrite(bytes(6), 4 * PAGE));
            assertEquals(2 * PAGE, file.size());
            assertEquals(5, fixture.load(at + PAGE), "nothing is lost");
            channels.mend();
            HostFile late = open(path, RW);
            assertEquals(STAMP + 1, number(path, PAGE));
            assertResult(Errno.EROFS, file.fsync());
            assertEquals(0, file.fsync());
            assertEquals(0, other.fsync());
            assertEquals(0, late.fsync(), "other opens were told before it was opened");
            assertEquals(5, number(path, PAGE));
            assertEquals(2 * PAGE, Files.size(path));
        }

        @Test
        @DisplayName(
                "that was deleted is saved and read through its mappings until the last use ends, and then is gone")
        void deleted() throws Exception {
            HostFile file = openNew(8);
            long at = fixture.map(0, 8, READ | WRITE, Mman.SHARED, file, 0);
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
            long at = fixture.map(0, 8, READ, Mman.SHARED, file, 0);
            channels.failure = (call, offset, length) -> {
                if (offset <= PAGE && offset + length > PAGE) {
                    throw new IOException("Input/output error");
                }
            };
            assertFault(Fault.ADRERR, fixture.memory.load(at + PAGE, 8));
            assertEquals(STAMP, fixture.load(at), "another page that is read with it does not fail it");
            assertResult(Errno.EIO, file.pread(bytes(0), PAGE));
            channels.mend();
            assertEquals(STAMP + 1, fixture.load(at + PAGE));
        }

        @Test
        @DisplayName("that another program makes shorter is a SIGBUS beyond the end, and nothing makes it longer")
        void shrunk() throws Exception {
            HostFile file = openNew(8);
            long at = fixture.map(0, 8, READ | WRITE, Mman.SHARED, file, 0);
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
        }

        @Test
        @DisplayName("that another program makes longer is found by an access beyond the end")
        void grown() throws Exception {
            write("f", PAGE_BYTES - 8);
            HostFile reader = open(path);
            long at = fixture.map(0, 4, READ, Mman.SHARED, reader, 0);
            assertEquals(0, fixture.load(at + PAGE - 8));
            Files.write(path, bytes(9).array(), StandardOpenOption.APPEND);
            Files.write(path, bytes(10).array(), StandardOpenOption.APPEND);
            assertEquals(10, fixture.load(at + PAGE));
            assertEquals(9, fixture.load(at + PAGE - 8), "the last page has the new bytes, too");
            HostFile writer = open(path, RW);
            long second = fixture.map(0, 4, READ | WRITE, Mman.SHARED, writer, 0);
            fixture.store(second + PAGE, 11);
            Files.write(path, bytes(12).array(), StandardOpenOption.APPEND);
            assertEquals(0, writer.revalidate());
            assertEquals(12, fixture.load(at + PAGE + 8));
            assertEquals(11, fixture.load(at + PAGE));
        }

        @Test
        @DisplayName("has bytes in a buffer, too")
        void buffer() {
            byte[] array = new byte[2 * PAGE_BYTES + 8];
            array[PAGE_BYTES] = 7;
            HostFile file = fixture.machine.openFile("bytes", GEOMETRY, ByteBuffer.wrap(array));
            long at = fixture.map(0, 3, READ | WRITE, Mman.SHARED, file, 0);
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
            write("f", 4 * PAGE_BYTES);
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                HostFile file = fixture.machine.openFile("channel", GEOMETRY, channel, true);
                HostFile again = fixture.machine.openFile("again", GEOMETRY, channel, false);
                assertEquals(file.pageCache(), again.pageCache());
                long at = fixture.map(0, 6, READ | WRITE, Mman.SHARED, file, 0);
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
    }

    @DisplayName("A file of the host")
    @Nested
    final class OffHeap extends Rules {
        OffHeap() {
            super(Machine.builder());
        }
    }

    @DisplayName("A file of the host, with frames of an embedder")
    @Nested
    final class OnHeap extends Rules {
        OnHeap() {
            super(Machine.builder().frameStore(HeapFrames::new));
        }
    }

    @DisplayName("An open of a file of the host")
    @Nested
    final class Descriptors extends HostFileFixture {
        private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
        private static final int FILES = 20;

        /**
         * If each open copied the list of files, the additional files would take several times this number of bytes.
         */
        private static final long ALLOWANCE = 4 << 10;

        private static final int FEW = 100;
        private static final int MANY = 10_000;
        private static final int ROUNDS = 20;

        /**
         * Returns the number of descriptors of files in the folder. Other threads of the JVM may own descriptors of
         * other files.
         */
        private int descriptors() throws IOException {
            assumeTrue(Files.isDirectory(DESCRIPTORS), "a Linux host");
            int count = 0;
            Path real = folder.toRealPath();
            try (DirectoryStream<Path> all = Files.newDirectoryStream(DESCRIPTORS)) {
                for (Path one : all) {
                    count += Files.isSymbolicLink(one) && isIn(real, one) ? 1 : 0;
                }
            }
            return count;
        }

        private static boolean isIn(Path real, Path descriptor) {
            try {
                return Files.readSymbolicLink(descriptor).startsWith(real);
            } catch (IOException closed) {
                // The descriptor of the listing, or one of another thread.
                return false;
            }
        }

        private static void readAndWrite(HostFile file) {
            assertEquals(1, file.pread(ByteBuffer.allocate(1), 0));
            if (file.writable()) {
                assertEquals(1, file.pwrite(ByteBuffer.allocate(1), 0));
                assertEquals(0, file.fsync());
            }
        }

        @Test
        @DisplayName("takes one descriptor for each file, however many opens and calls it has")
        void oneDescriptor() throws IOException {
            assertEquals(0, descriptors());
            for (int i = 0; i < FILES; i++) {
                Path of = Files.write(folder.resolve("f" + i), new byte[10]);
                readAndWrite(open(of, RW));
                readAndWrite(open(of, RW));
                readAndWrite(open(of));
            }
            assertEquals(FILES, descriptors());
            opens.forEach(HostFile::close);
            assertEquals(0, descriptors());
        }

        @Test
        @DisplayName("for writing takes a second descriptor if the file was open for reading only")
        void readOnlyFirst() throws IOException {
            Files.write(path, new byte[10]);
            readAndWrite(open(path));
            assertEquals(1, descriptors());
            for (int i = 0; i < FILES; i++) {
                readAndWrite(open(path, RW));
            }
            assertEquals(2, descriptors());
            opens.forEach(HostFile::close);
            assertEquals(0, descriptors());
        }

        /**
         * Returns the minimum number of bytes that an open and its close allocated while a number of files were open.
         */
        private long allocated(int files) {
            while (opens.size() < files) {
                opens.add(fixture.machine.openFile("buffer " + opens.size(), GEOMETRY, ByteBuffer.allocate(1)));
            }
            long least = Long.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) {
                long before = AllocatedBytes.now();
                fixture.machine
                        .openFile("another", GEOMETRY, ByteBuffer.allocate(1))
                        .close();
                least = Math.min(least, AllocatedBytes.now() - before);
            }
            return least;
        }

        @Test
        @DisplayName("allocates as much with many files open as with few, and so does its close")
        void noCopy() {
            long few = allocated(FEW);
            long many = allocated(MANY);
            assertTrue(many <= few + ALLOWANCE, () -> many + " bytes with many files, " + few + " with few");
        }

        @ParameterizedTest
        @ValueSource(strings = {"/proc/self/maps", "/proc/version", "/proc/self/mem", "/sys/devices/system/cpu/online"})
        @DisplayName("is refused if the size is not the number of bytes, as that of a file which the kernel makes")
        void madeByKernel(Path of) {
            assumeTrue(Files.isReadable(of), "a Linux host");
            assertRefused(Errno.ENODEV, of);
        }

        @ParameterizedTest
        @ValueSource(ints = {0, 1, 4096, 5000, 100_000})
        @DisplayName("of a file in the host's memory has its bytes, however many they are")
        void inMemory(int size) throws IOException {
            Path memory = Path.of("/dev/shm");
            assumeTrue(Files.isWritable(memory), "a Linux host");
            Path path = Files.createTempFile(memory, "samara", "");
            try {
                Files.write(path, new byte[size]);
                HostFile file = open(path, RW);
                assertEquals(size, file.size());
                assertEquals(size, file.pread(ByteBuffer.allocate(size + 1), 0));
                file.close();
            } finally {
                Files.delete(path);
            }
        }

        /** A file to which another program appends a byte after its size is first read. */
        private static final class GrowingChannel implements HostChannel {
            private int looks;

            @Override
            public int read(ByteBuffer target, long offset) {
                target.put((byte) 1);
                return 1;
            }

            @Override
            public int write(ByteBuffer source, long offset) {
                return 0;
            }

            @Override
            public void force() {
                // Has nothing to save.
            }

            @Override
            public long size() {
                return looks++ == 0 ? 0 : 1;
            }

            @Override
            public void truncate(long bytes) {
                // Does not change.
            }

            @Override
            public void close() {
                // Has nothing to close.
            }
        }

        @Test
        @DisplayName(
                "is not refused if another program writes the first byte between the look at the size and the read")
        void grownMeanwhile() throws IOException {
            GrowingChannel channel = new GrowingChannel();
            assertTrue(HostChannel.PathChannel.isSizeRight(channel));
            assertEquals(2, channel.looks);
        }

        @Test
        @DisplayName("of a channel needs the right to read, and that to write if it is to be written")
        void rightsOfChannel() throws IOException {
            Files.write(path, new byte[10]);
            try (FileChannel writes = FileChannel.open(path, StandardOpenOption.WRITE);
                    FileChannel reads = FileChannel.open(path)) {
                for (boolean isWritable : new boolean[] {true, false}) {
                    MmException refused = assertThrows(
                            MmException.class, () -> fixture.machine.openFile("writes", GEOMETRY, writes, isWritable));
                    assertEquals(Errno.EACCES, refused.errno());
                }
                MmException refused =
                        assertThrows(MmException.class, () -> fixture.machine.openFile("reads", GEOMETRY, reads, true));
                assertEquals(Errno.EACCES, refused.errno());
                HostFile file = fixture.machine.openFile("reads", GEOMETRY, reads, false);
                opens.add(file);
                readAndWrite(file);
            }
            opens.forEach(HostFile::close);
        }

        @Test
        @DisplayName("for writing only needs the right to read: a page is read before a part of it is overwritten")
        void mayOnlyBeWritten() throws IOException {
            Files.write(path, new byte[10]);
            // Fails as a host does for mode 0200, unless the process is root's.
            MachineInternals.hostFiles(fixture.machine).openBy((opened, options) -> {
                if (options.contains(StandardOpenOption.READ)) {
                    throw new AccessDeniedException(opened.toString());
                }
                return HostChannel.PathChannel.open(opened, options);
            });
            assertRefused(Errno.EACCES, path, StandardOpenOption.WRITE);
            assertEquals(0, descriptors());
        }

        @Test
        @DisplayName("takes no array of more than 16 numbers before a page is read")
        void heap() throws Exception {
            // Without a CPU, whose TLB has larger arrays.
            Machine alone = Machine.builder().memory(1 << 20).build();
            HostFile file = alone.openFile(write("f", 1 << 20), GEOMETRY);
            FilePages pages = ((OpenHostFile) file).inode.pages;
            // The shared parts of the machine are left out.
            Set<Object> own = ReachableObjects.from(
                    List.of(MachineMemory.class, Frames.class, Eviction.SpareBatches.class), pages);
            List<Integer> lengths = own.stream()
                    .filter(object ->
                            object instanceof int[] || object instanceof long[] || object instanceof boolean[])
                    .map(Array::getLength)
                    .filter(length -> length > 16)
                    .toList();
            assertTrue(own.size() > 20, own::toString);
            assertEquals(List.of(), lengths);
            file.close();
            alone.close();
        }
    }

    @DisplayName("The host's refusal to open a file")
    @Nested
    final class Refusals extends HostFileFixture {
        private static final OpenOption[] CREATE = {StandardOpenOption.WRITE, StandardOpenOption.CREATE};
        private static final OpenOption[] CREATE_NEW = {StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW};

        private void assertAllRefused(Errno errno, Path path) {
            assertRefused(errno, path);
            assertRefused(errno, path, RW);
            assertRefused(errno, path, CREATE);
        }

        @Test
        @DisplayName("is ENOTDIR for a name below a file, by a link and by .. too, on each JDK")
        void belowFile() throws IOException {
            Path file = write("f", 1);
            Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("f/x"));
            assertAllRefused(Errno.ENOTDIR, file.resolve("x"));
            assertAllRefused(Errno.ENOTDIR, file.resolve("x/y"));
            assertAllRefused(Errno.ENOTDIR, file.resolve("../f"));
            assertAllRefused(Errno.ENOTDIR, link);
            assertRefused(Errno.ENOTDIR, file.resolve("x"), CREATE_NEW);
            Path root = Path.of("/proc/self/root");
            if (Files.exists(root)) {
                assertAllRefused(
                        Errno.ENOTDIR,
                        root.resolve(file.toString().substring(1)).resolve("x"));
            }
            assertRefused(Errno.ENOENT, folder.resolve("none/x"));
            assertRefused(Errno.ENOENT, folder.resolve("none/x"), CREATE);
        }

        @Test
        @DisplayName("is ELOOP for links in a circle, and ENAMETOOLONG for a long name or path")
        void names() throws IOException {
            Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
            assertAllRefused(Errno.ELOOP, loop);
            assertAllRefused(Errno.ELOOP, loop.resolve("x"));
            assertAllRefused(Errno.ENAMETOOLONG, folder.resolve("n".repeat(256)));
            assertAllRefused(Errno.ENAMETOOLONG, folder.resolve("d/".repeat(2048)));
        }

        @Test
        @DisplayName("is EEXIST for a new file if there is anything of the name, also a folder or a link to nothing")
        void exclusive() throws IOException {
            Path nowhere = Files.createSymbolicLink(folder.resolve("nowhere"), Path.of("none"));
            Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
            assertRefused(Errno.EEXIST, folder, CREATE_NEW);
            assertRefused(Errno.EEXIST, nowhere, CREATE_NEW);
            assertRefused(Errno.EEXIST, loop, CREATE_NEW);
            assertRefused(Errno.EEXIST, Path.of("/dev/null"), CREATE_NEW);
        }

        @Test
        @DisplayName("is ETXTBSY for writing to the file of a program that the host runs")
        void running() throws Exception {
            Path sleep = Path.of("/bin/sleep");
            assumeTrue(Files.isExecutable(sleep), "no sleep");
            Path program = Files.copy(sleep, folder.resolve("program"));
            Process running = new ProcessBuilder(program.toString(), "60").start();
            try {
                open(program).close();
                assertRefused(Errno.ETXTBSY, program, RW);
            } finally {
                running.destroyForcibly().waitFor();
            }
        }
    }

    @DisplayName("While writing to a file of the host is denied")
    @Nested
    final class Denials extends HostFileFixture {
        private static Errno refusal(HostFile file) {
            return assertThrows(MmException.class, file::denyWrites).errno();
        }

        @Test
        @DisplayName("no path opens it for writing, until the last denial is closed")
        void denied() throws IOException {
            write("f", PAGE_BYTES);
            Path link = Files.createLink(folder.resolve("link"), path);
            HostFile file = open(path);
            HostFile.WriteDenial first = file.denyWrites();
            HostFile.WriteDenial second = file.denyWrites();
            assertRefused(Errno.ETXTBSY, path, RW);
            assertRefused(Errno.ETXTBSY, link, RW);
            open(path).close();
            first.close();
            first.close();
            assertRefused(Errno.ETXTBSY, path, RW);
            second.close();
            open(path, RW).close();
        }

        @Test
        @DisplayName("its open is in use, also after the close of its owner")
        void closedByOwner() throws IOException {
            write("f", PAGE_BYTES);
            HostFile file = open(path);
            HostFile.WriteDenial denial = file.denyWrites();
            file.close();
            assertEquals(1, channels.open.get());
            assertRefused(Errno.ETXTBSY, path, RW);
            assertEquals(Errno.EBADF, refusal(file));
            denial.close();
            assertEquals(0, channels.open.get());
            open(path, RW).close();
        }

        @Test
        @DisplayName("there is no writer: a denial is ETXTBSY while an open for writing or its mapping is in use")
        void writers() throws Exception {
            write("f", PAGE_BYTES);
            HostFile reader = open(path);
            HostFile writer = open(path, RW);
            assertEquals(Errno.ETXTBSY, refusal(reader));
            assertEquals(Errno.ETXTBSY, refusal(writer));
            long at = fixture.map(0, 1, READ | WRITE, Mman.SHARED, writer, 0);
            writer.close();
            assertEquals(Errno.ETXTBSY, refusal(reader));
            assertEquals(0, space.munmap(at, PAGE));
            fixture.machine.awaitQuiescence();
            reader.denyWrites().close();
        }
    }

    @DisplayName("A file system without keys of its files, as that of Windows,")
    @Nested
    final class Keys extends HostFileFixture {
        private FileSystem zip() throws IOException {
            return FileSystems.newFileSystem(folder.resolve("zip"), Map.of("create", "true"));
        }

        private static Path member(FileSystem zip) throws IOException {
            Files.createDirectory(zip.getPath("/a"));
            Path path = zip.getPath("/a/f");
            Files.write(path, new byte[2 * PAGE_BYTES]);
            assertNull(Files.readAttributes(path, BasicFileAttributes.class).fileKey());
            return path;
        }

        @Test
        @DisplayName("has one page cache for all paths that lead to one file")
        void oneCache() throws Exception {
            MachineInternals.hostFiles(fixture.machine)
                    .openBy((path, options) ->
                            new HostChannel.BufferChannel(ByteBuffer.wrap(Files.readAllBytes(path))));
            try (FileSystem zip = zip()) {
                Path path = member(zip);
                Files.write(zip.getPath("/g"), new byte[PAGE_BYTES]);
                HostFile file = open(path, RW);
                HostFile again = open(zip.getPath("a/../a/f"), RW);
                HostFile other = open(zip.getPath("/g"), RW);
                assertSame(file.pageCache(), again.pageCache());
                assertNotEquals(file.pageCache(), other.pageCache());
                long at = fixture.map(0, 2, READ | WRITE, Mman.SHARED, file, 0);
                long second = fixture.map(0, 2, READ | WRITE, Mman.SHARED, again, 0);
                fixture.store(at + PAGE, 5);
                assertEquals(5, fixture.load(second + PAGE));
                assertEquals(0, file.inode());
                assertEquals(0, again.major());
                file.close();
                again.close();
                other.close();
            }
        }

        @Test
        @DisplayName("has one key for a file and a symbolic link to it")
        void link() throws Exception {
            write("f", PAGE_BYTES);
            Path link = Files.createSymbolicLink(folder.resolve("link"), path);
            Path detour =
                    Files.createDirectory(folder.resolve("d")).resolve("..").resolve("link");
            assertEquals(PathOpen.keyOf(path, null), PathOpen.keyOf(link, null));
            assertEquals(PathOpen.keyOf(path, null), PathOpen.keyOf(detour, null));
            assertNotEquals(PathOpen.keyOf(path, null), PathOpen.keyOf(write("g", 1), null));
            assertEquals("key", PathOpen.keyOf(path, "key"));
        }

        @Test
        @DisplayName("is refused if it has no channels for reads at any offset")
        void foreign() throws Exception {
            try (FileSystem zip = zip()) {
                Path path = member(zip);
                MmException refused = assertThrows(MmException.class, () -> open(path, RW));
                assertEquals(Errno.EOPNOTSUPP, refused.errno());
            }
        }
    }

    /** The options of {@code openFile} by pairs. */
    @DisplayName("Two options of files of the host")
    @Nested
    final class Options extends HostFileFixture {
        private static final int LAST_BYTES = 100;

        /** The lengths that the hooks of all files have received. */
        private static final List<Integer> WRITTEN = new ArrayList<>();

        private static final PageHooks HOOKS = new PageHooks() {
            @Override
            public boolean beforeWrite(long offset, ByteBuffer page) {
                WRITTEN.add(page.remaining());
                return true;
            }
        };

        /** No option, and each option. */
        private static final List<OpenOption> OPTIONS = List.of(
                StandardOpenOption.READ,
                HostFileOption.NO_STEAL,
                HostFileOption.DIRECT,
                HOOKS,
                HostFileOption.EXLOCK,
                HostFileOption.SHLOCK);

        /** Whether a file that is open with the option of the row may be opened with the option of the column. */
        private static final List<String> WHILE_OPEN = List.of(
                "y.y...", // none
                "yyy...", // NO_STEAL
                "y.y...", // DIRECT
                "y.yy..", // hooks
                "y.y.y.", // EXLOCK
                "y.y..y"); // SHLOCK

        /**
         * Whether a file that its last close could not save, and that was open with the option of the row, may be
         * opened with the option of the column. It keeps its lock, or has none.
         */
        private static final List<String> UNSAVED = List.of("yyyy..", "yyyy..", "yyyy..", "yyyy..", "y.y.y.", "y.y..y");

        static Stream<Arguments> pairs() {
            return IntStream.range(0, OPTIONS.size())
                    .boxed()
                    .flatMap(row -> IntStream.range(0, OPTIONS.size()).mapToObj(column -> Arguments.of(row, column)));
        }

        private static OpenOption[] with(int... places) {
            Set<OpenOption> options = new LinkedHashSet<>(List.of(RW));
            for (int place : places) {
                options.add(OPTIONS.get(place));
            }
            return options.toArray(OpenOption[]::new);
        }

        /** Opens a file and returns whether that was permitted; closes it again. */
        private boolean isPermitted(Path path, int place) {
            try {
                open(path, with(place)).close();
                return true;
            } catch (MmException refused) {
                assertEquals(Errno.EBUSY, refused.errno());
                return false;
            }
        }

        @ParameterizedTest
        @MethodSource("pairs")
        @DisplayName("of two opens agree, or the second open is refused; afterwards a lock for one is possible")
        void opens(int first, int second) throws Exception {
            write("f", PAGE_BYTES);
            HostFile file = open(path, with(first));
            assertEquals(WHILE_OPEN.get(first).charAt(second) == 'y', isPermitted(path, second));
            file.close();
            open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, HostFileOption.EXLOCK)
                    .close();
        }

        @ParameterizedTest
        @MethodSource("pairs")
        @DisplayName("of an open decide what is on the host before a save, and what its hooks see")
        void writes(int one, int other) throws Exception {
            write("f", 3 * PAGE_BYTES + LAST_BYTES);
            if (one != other && Math.min(one, other) == OPTIONS.indexOf(HostFileOption.EXLOCK)) {
                assertThrows(IllegalArgumentException.class, () -> open(path, with(one, other)));
                return;
            }
            List<OpenOption> options = List.of(with(one, other));
            HostFile file = open(path, with(one, other));
            WRITTEN.clear();
            assertEquals(PAGE, file.pwrite(ByteBuffer.allocate(PAGE_BYTES), PAGE));
            boolean isHeld = options.contains(HostFileOption.NO_STEAL) || options.contains(HOOKS);
            boolean isWritten = options.contains(HostFileOption.DIRECT) && !isHeld;
            assertEquals(isWritten ? 0 : STAMP + 1, number(path, PAGE), "before the save");
            assertEquals(8, file.pwrite(bytes(7), 3 * PAGE));
            assertEquals(List.of(), WRITTEN);
            assertEquals(0, file.fsync());
            assertEquals(0, number(path, PAGE));
            assertEquals(7, number(path, 3 * PAGE));
            assertEquals(options.contains(HOOKS) ? List.of(PAGE_BYTES, LAST_BYTES) : List.of(), WRITTEN);
        }

        @ParameterizedTest
        @MethodSource("pairs")
        @DisplayName("of a close that fails and the next open: it may change hooks and NO_STEAL, but not the lock")
        void unsaved(int first, int second) throws Exception {
            write("f", PAGE_BYTES);
            HostFile file = open(path, with(first));
            assertEquals(8, file.pwrite(bytes(1), 0));
            channels.fail(ChannelCall.WRITE, "Input/output error");
            file.close();
            assertEquals(1, fixture.reports.size());
            assertEquals(UNSAVED.get(first).charAt(second) == 'y', isPermitted(path, second));
            channels.mend();
            open(path, RW).close();
            assertEquals(1, number(path, 0));
            fixture.reports.clear();
        }

        @Test
        @DisplayName("hooks of two files: a hook that has saved the other file still may not use its own")
        void hooksWithinHooks() throws Exception {
            List<Throwable> refused = new ArrayList<>();
            HostFile[] files = new HostFile[2];
            PageHooks outer = new PageHooks() {
                @Override
                public boolean beforeWrite(long offset, ByteBuffer page) {
                    assertEquals(0, files[1].fsync());
                    refused.add(assertThrows(IllegalStateException.class, () -> files[0].fadvise(0, 0, 0)));
                    return true;
                }
            };
            files[0] = open(write("a", PAGE_BYTES), StandardOpenOption.READ, StandardOpenOption.WRITE, outer);
            files[1] = open(write("b", PAGE_BYTES), StandardOpenOption.READ, StandardOpenOption.WRITE, HOOKS);
            assertEquals(8, files[0].pwrite(bytes(1), 0));
            assertEquals(8, files[1].pwrite(bytes(2), 0));
            assertEquals(0, files[0].fsync());
            assertEquals(1, refused.size());
            assertTrue(String.valueOf(refused.get(0).getMessage()).contains("hook"), refused::toString);
            files[1].close();
            files[0].close();
        }
    }

    @DisplayName("A lock of a file of the host")
    @Nested
    final class Locks extends HostFileFixture {
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
        @DisplayName(
                "is seen by another process until the last use of the file, whatever is opened and closed meanwhile")
        void exclusive() throws Exception {
            write("f", 4 * PAGE_BYTES);
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
            long at = fixture.map(0, 1, READ | WRITE, Mman.SHARED, created, 0);
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
            write("f", PAGE_BYTES);
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
            write("f", PAGE_BYTES);
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
            write("f", PAGE_BYTES);
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
            write("f", PAGE_BYTES);
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
            write("f", PAGE_BYTES);
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
            write("f", PAGE_BYTES);
            HostFile file = open(path, EXCLUSIVE);
            assertEquals(8, file.pwrite(bytes(1), 0));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            file.close();
            assertEquals(1, fixture.reports.size());
            fixture.reports.clear();
            assertLocked(path);
            channels.mend();
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
            HostFile file = openNew(4);
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
            write("f", 4 * PAGE_BYTES);
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
            write("f", 4 * PAGE_BYTES);
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
        @DisplayName(
                "through a channel waits for another process, unless the thread is interrupted or the channel closed")
        void waits() throws Exception {
            write("f", PAGE_BYTES);
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
            write("f", PAGE_BYTES);
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
            PathOpen.opened(key);
            PathOpen.opened(key);
            assertThrows(HostFileException.class, () -> PathOpen.lock(key, "f", () -> "locked"));
            PathOpen.ending(key);
            HeldOperations.Caller<String> caller = HeldOperations.start(() -> PathOpen.lock(key, "f", () -> "locked"));
            Await.until("the call waits", () -> LockSupport.getBlocker(caller.thread) == key, caller.thread);
            assertNull(PathOpen.close(key, List.of()));
            assertEquals("locked", caller.result());
            PathOpen.closed(key);
            assertFalse(PathOpen.isOpen(key));
        }

        private static HeldOperations.Caller<FileLock> locking(FileChannel channel) {
            HeldOperations.Caller<FileLock> caller = HeldOperations.start(channel::lock);
            Await.until("the call waits", () -> LockSupport.getBlocker(caller.thread) == channel, caller.thread);
            return caller;
        }
    }
}
