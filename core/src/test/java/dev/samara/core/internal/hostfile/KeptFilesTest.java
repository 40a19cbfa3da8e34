// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.hostfile.FaultyChannels.ChannelCall;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("The pages of a closed file of the host")
final class KeptFilesTest {
    private static final int PAGES = 4;

    /** A machine that keeps files, and whose clock is an hour ahead, so that each change of a file is old. */
    abstract static class Keeping extends HostFileFixture {
        final HostFiles files = MachineInternals.hostFiles(fixture.machine);

        Keeping(int most) {
            this(most, true);
        }

        Keeping(int most, boolean isForced) {
            super(Machine.builder()
                    .memory(512 * PAGE)
                    .cacheLimit(64 * PAGE)
                    .poisonFrames(true)
                    .forceOnClose(isForced)
                    .dropFailedWrites(true)
                    .writeBackEvery(Duration.ZERO)
                    .keepClosedFiles(most));
        }

        @BeforeEach
        void advanceClock() {
            files.clock = () -> System.currentTimeMillis() + TimeUnit.HOURS.toMillis(1);
        }

        /** Closes also the kept files, because the fixture checks that no page is in memory. */
        @AfterEach
        void closeAll() {
            channels.mend();
            opens.forEach(HostFile::close);
            assertTrue(files.close());
            assertFalse(files.isInUse());
        }

        /** Makes the clock show a time after the last change of a file. */
        void setClock(Path of, long millisAfter) throws IOException {
            FileTime changed = (FileTime) Files.getAttribute(of, "unix:ctime");
            FileTime modified = Files.getLastModifiedTime(of);
            Instant last = (changed.compareTo(modified) > 0 ? changed : modified).toInstant();
            // Rounds up, because the clock shows milliseconds.
            long millis = last.plusNanos(999_999).toEpochMilli() + millisAfter;
            files.clock = () -> millis;
        }

        /** Reads all pages of the file and closes it. */
        void readAndClose(Path of, OpenOption... options) {
            HostFile file = open(of, options);
            for (int page = 0; page < PAGES; page++) {
                assertEquals(STAMP + page, read(file, page));
            }
            file.close();
        }

        /** Returns whether an open finds pages in memory. Checks that they are those of the host's file. */
        boolean isServed(Path of, OpenOption... options) throws IOException {
            HostFile file = open(of, options);
            try {
                boolean isServed = isPresent(file, 0);
                for (int page = 0; page < PAGES; page++) {
                    assertEquals(number(of, page * PAGE), read(file, page), "page " + page);
                }
                return isServed;
            } finally {
                file.close();
            }
        }
    }

    @DisplayName("serve the next open")
    @Nested
    final class Served extends Keeping {
        Served() {
            super(8);
        }

        @Test
        @DisplayName("and are not read again, with any rights and by any link")
        void served() throws Exception {
            write("f", PAGES * PAGE_BYTES);
            Path link = Files.createLink(folder.resolve("link"), path);
            readAndClose(path);
            assertEquals(1, channels.open.get());
            int reads = channels.reads.get();
            assertTrue(isServed(path));
            assertTrue(isServed(link));
            assertTrue(isServed(path, HostFileOption.DIRECT));
            assertEquals(1, channels.open.get());
            assertTrue(isServed(path, RW));
            assertEquals(reads, channels.reads.get());
            assertEquals(0, channels.open.get(), "a file that was open for writing is not kept");
            assertFalse(isServed(path));
            assertTrue(isServed(path));
            assertTrue(isServed(Files.createSymbolicLink(folder.resolve("symbolic"), path)));
        }

        @Test
        @DisplayName("through mappings, too")
        void mapped() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            int reads = channels.reads.get();
            HostFile file = open(path);
            long at = fixture.map(0, PAGES, READ, Mman.SHARED, file, 0);
            file.close();
            assertEquals(STAMP + 3, fixture.load(at + 3 * PAGE));
            assertEquals(0, space.munmap(at, PAGES * PAGE));
            fixture.machine.awaitQuiescence();
            assertTrue(isServed(path));
            assertEquals(reads, channels.reads.get());
        }

        @Test
        @DisplayName("while rounds and saves of all files visit them")
        void visited() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            // As many as files may be kept, so that one that is kept again each time would be dropped.
            for (int i = 0; i < 8; i++) {
                assertFalse(files.writeAll(), "it is not open for writing");
            }
            assertEquals(0, fixture.machine.sync());
            assertTrue(isServed(path));
            try (HostFile writer = open(path, RW)) {
                assertTrue(files.writeAll());
                assertTrue(isPresent(writer, 0));
            }
            assertFalse(files.writeAll(), "it is not open for writing any more");
        }

        @Test
        @DisplayName("until all files are closed by the end of the machine; afterwards no file is kept")
        void closed() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            HostFile open = open(write("g", PAGES * PAGE_BYTES));
            assertTrue(files.close());
            assertFalse(files.isInUse());
            open.close();
            // Like an open that the close of the machine has overtaken.
            readAndClose(path);
            assertEquals(0, channels.open.get());
            assertFalse(files.isInUse());
        }

        @Test
        @DisplayName("as long as they are not evicted")
        void evicted() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            HostFile other = open(write("g", 256 * PAGE_BYTES));
            for (int page = 255; page >= 0; page--) {
                assertEquals(STAMP + page, read(other, page));
            }
            other.close();
            try (HostFile file = open(path)) {
                assertEquals(0, inMemory(file, PAGES));
                assertEquals(STAMP + 1, read(file, 1));
            }
        }

        @Test
        @DisplayName("until more files are closed than may be kept; the oldest go first")
        void bound() throws Exception {
            List<Path> all = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                all.add(write("f" + i, PAGES * PAGE_BYTES));
                readAndClose(all.get(i));
                assertEquals(Math.min(8, i + 1), channels.open.get());
            }
            // The oldest one is now the newest.
            assertTrue(isServed(all.get(2)));
            readAndClose(write("g", PAGES * PAGE_BYTES));
            assertTrue(isServed(all.get(2)));
            assertTrue(isServed(all.get(5)));
            assertEquals(8, channels.open.get());
            assertFalse(isServed(all.get(3)));
            assertFalse(isServed(all.get(0)));
            assertEquals(8, channels.open.get());
        }

        @Test
        @DisplayName("beside other threads that open and close the same files")
        void threads() throws Exception {
            List<Path> all = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                all.add(write("f" + i, PAGES * PAGE_BYTES));
            }
            List<CallBeside> calls = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                calls.add(CallBeside.start("opens " + i, () -> {
                    for (int round = 0; round < 400; round++) {
                        int chosen = ThreadLocalRandom.current().nextInt(all.size());
                        OpenOption[] options = round % 5 == 0 ? RW : new OpenOption[] {StandardOpenOption.READ};
                        try (HostFile file = fixture.machine.openFile(all.get(chosen), GEOMETRY, options)) {
                            assertEquals(STAMP + round % PAGES, read(file, round % PAGES));
                        }
                    }
                    return 0;
                }));
            }
            calls.forEach(call -> assertEquals(0, call.result()));
            assertTrue(channels.open.get() <= 16, () -> "open channels: " + channels.open.get());
            for (Path each : all) {
                isServed(each);
            }
        }
    }

    /** What another program does to a file of several pages that start with stamps. */
    enum Change {
        REWRITE {
            @Override
            void make(Path path) throws IOException {
                writeTo(path);
            }
        },
        REWRITE_WITH_OLD_TIME {
            @Override
            void make(Path path) throws IOException {
                FileTime before = Files.getLastModifiedTime(path);
                writeTo(path);
                Files.setLastModifiedTime(path, before);
                assertEquals(before, Files.getLastModifiedTime(path));
            }
        },
        APPEND {
            @Override
            void make(Path path) throws IOException {
                writeTo(path);
                Files.write(path, new byte[100], StandardOpenOption.APPEND);
            }
        },
        RENAME {
            @Override
            void make(Path path) throws IOException {
                Path other = Files.copy(path, path.resolveSibling("other"), StandardCopyOption.COPY_ATTRIBUTES);
                FileTime before = Files.getLastModifiedTime(path);
                writeTo(other);
                Files.setLastModifiedTime(other, before);
                Files.move(other, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
        },
        DELETE_AND_CREATE {
            @Override
            void make(Path path) throws IOException {
                byte[] bytes = Files.readAllBytes(path);
                FileTime before = Files.getLastModifiedTime(path);
                Files.delete(path);
                Files.write(path, bytes);
                writeTo(path);
                Files.setLastModifiedTime(path, before);
            }
        },
        THROUGH_LINK {
            @Override
            void make(Path path) throws IOException {
                Path link = Files.createLink(path.resolveSibling("link"), path);
                FileTime before = Files.getLastModifiedTime(path);
                writeTo(link);
                Files.setLastModifiedTime(link, before);
                Files.delete(link);
            }
        };

        abstract void make(Path path) throws IOException;

        /** Changes all pages, without changing the size. */
        static void writeTo(Path path) throws IOException {
            byte[] bytes = Files.readAllBytes(path);
            for (int page = 0; page < PAGES; page++) {
                bytes[page * PAGE_BYTES]++;
            }
            Files.write(path, bytes, StandardOpenOption.WRITE);
        }

        private static final int PAGE_BYTES = (int) PAGE;
    }

    @DisplayName("are read again")
    @Nested
    final class Dropped extends Keeping {
        Dropped() {
            super(8);
        }

        /** Waits until a change of a file gets a new time, as the time of a real file does in two seconds. */
        private void awaitNewTime() throws IOException {
            Path probe = Files.write(folder.resolve("probe"), new byte[1]);
            Object before = Files.getAttribute(probe, "unix:ctime");
            do {
                Files.write(probe, new byte[1]);
            } while (before.equals(Files.getAttribute(probe, "unix:ctime")));
        }

        @ParameterizedTest
        @EnumSource
        @DisplayName("by the next open after another program has changed the file")
        void changed(Change change) throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            awaitNewTime();
            change.make(path);
            assertFalse(isServed(path));
            assertEquals(STAMP + 1, number(path, 0));
            assertTrue(isServed(path), "the new pages are kept");
        }

        @ParameterizedTest
        @EnumSource
        @DisplayName("if another program has changed the file while it was open")
        void changedWhileOpen(Change change) throws Exception {
            HostFile file = open(write("f", PAGES * PAGE_BYTES));
            for (int page = 0; page < PAGES; page++) {
                assertEquals(STAMP + page, read(file, page));
            }
            awaitNewTime();
            change.make(path);
            file.close();
            assertFalse(isServed(path));
            assertEquals(STAMP + 1, number(path, 0));
        }

        @Test
        @DisplayName("if another program changed the file between the check of an open that is still reading")
        void changedDuringReads() throws Exception {
            write("f", PAGES * PAGE_BYTES);
            awaitNewTime();
            channels.beforeNext(ChannelCall.READ, () -> Change.REWRITE_WITH_OLD_TIME.make(path));
            try (HostFile file = open(path)) {
                assertEquals(STAMP + 1, read(file, 0));
            }
            channels.mend();
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName("if the file was changed less than two seconds before its pages were read")
        void recent() throws Exception {
            write("f", PAGES * PAGE_BYTES);
            setClock(path, 1_998);
            readAndClose(path);
            assertEquals(0, channels.open.get());
            assertFalse(isServed(path));
            setClock(path, 2_000);
            assertFalse(isServed(path));
            assertTrue(isServed(path));
            long now = System.currentTimeMillis();
            Files.setLastModifiedTime(path, FileTime.fromMillis(now + 60_000));
            files.clock = () -> now + 10_000;
            assertFalse(isServed(path));
            assertFalse(isServed(path), "a time in the future");
        }

        @Test
        @DisplayName("if this machine has changed the file")
        void ownChange() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            HostFile file = open(path, RW);
            assertEquals(8, file.pwrite(bytes(77), PAGE));
            file.close();
            assertEquals(77, number(path, PAGE), "written by the last close");
            assertEquals(0, channels.open.get());
            assertFalse(isServed(path));
            file = open(path, RW);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            file.close();
            fixture.store(at + 2 * PAGE, 78);
            assertEquals(0, space.munmap(at, PAGES * PAGE));
            fixture.machine.awaitQuiescence();
            assertEquals(78, number(path, 2 * PAGE));
            assertFalse(isServed(path));
            file = open(path, RW);
            assertEquals(0, file.truncate(PAGES * PAGE));
            assertEquals(0, file.truncate(PAGES * PAGE + 1));
            file.close();
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName("if a write of the machine has failed and was dropped")
        void failedWrite() throws Exception {
            HostFile file = openNew(PAGES);
            assertEquals(8, file.pwrite(bytes(77), PAGE));
            channels.fail(ChannelCall.WRITE, "No space left on device");
            assertEquals(Errno.ENOSPC.result(), file.fsync());
            channels.mend();
            assertEquals(77, read(file, 1));
            file.close();
            assertFalse(isServed(path));
            fixture.reports.clear();
        }

        @Test
        @DisplayName("if a force has failed, which the next open would report")
        void failedForce() throws Exception {
            HostFile file = openNew(PAGES);
            assertEquals(STAMP, read(file, 0));
            channels.fail(ChannelCall.FORCE, "Input/output error");
            assertEquals(Errno.EIO.result(), file.fsync());
            channels.mend();
            file.close();
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName("by an open with other rules or another page size, or one that locks the file")
        void otherRules() throws Exception {
            PageHooks hooks = new PageHooks() {};
            write("f", PAGES * PAGE_BYTES);
            readAndClose(path);
            assertFalse(isServed(path, hooks));
            assertEquals(1, channels.open.get(), "the dropped file is closed");
            assertTrue(isServed(path, hooks));
            assertFalse(isServed(path, new PageHooks() {}));
            assertFalse(isServed(path));
            assertFalse(isServed(path, HostFileOption.NO_STEAL));
            assertTrue(isServed(path, HostFileOption.NO_STEAL));
            assertFalse(isServed(path));
            HostFile large = fixture.machine.openFile(path, Geometry.LINUX_AARCH64_64K);
            assertFalse(isPresent(large, 0));
            large.close();
            assertFalse(isServed(path));
            assertTrue(isServed(path));
            assertFalse(isServed(path, HostFileOption.SHLOCK));
            assertEquals(0, channels.open.get(), "no lock is kept");
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName(
                "if they were read by an open through a symbolic link, which another program can turn to another file")
        void symbolic() throws Exception {
            write("f", PAGES * PAGE_BYTES);
            readAndClose(Files.createSymbolicLink(folder.resolve("symbolic"), path));
            assertEquals(0, channels.open.get());
            assertFalse(isServed(path));
            assertTrue(isServed(path));
        }

        @Test
        @DisplayName("if a part of the file was locked")
        void locked() throws Exception {
            HostFile file = open(write("f", PAGES * PAGE_BYTES));
            assertEquals(STAMP, read(file, 0));
            FileLock lock = file.channel().lock(0, 10, true);
            assertNotNull(lock);
            file.close();
            assertEquals(0, channels.open.get());
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName("if a page is pinned for writing, whose bytes may change after the last close")
        void pinned() throws Exception {
            HostFile file = openNew(PAGES);
            long at = fixture.map(0, PAGES, READ | WRITE, Mman.SHARED, file, 0);
            assertEquals(STAMP, fixture.load(at));
            PinnedFrame pin = fixture.pin(at, WRITE);
            file.close();
            assertEquals(0, space.munmap(at, PAGES * PAGE));
            fixture.machine.awaitQuiescence();
            pin.close();
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName("if the process has no descriptor left for an open, which gets one of theirs")
        void noDescriptor() throws Exception {
            Path first = write("f0", PAGES * PAGE_BYTES);
            Path second = write("f1", PAGES * PAGE_BYTES);
            readAndClose(first);
            readAndClose(second);
            channels.mostOpen = 2;
            HostFile file = open(write("g", PAGES * PAGE_BYTES));
            assertEquals(STAMP + 1, read(file, 1));
            assertEquals(1, channels.open.get());
            assertFalse(isServed(first));
            // The open of a kept file itself, which needs a channel of its own first.
            assertEquals(2, channels.open.get());
            assertFalse(isServed(first));
            file.close();
        }

        @Test
        @DisplayName("in vain, by an open for which there is no descriptor even then")
        void noDescriptorEvenThen() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            HostFile file = open(write("g", PAGES * PAGE_BYTES));
            channels.mostOpen = 0;
            channels.refused.set(0);
            assertRefused(Errno.EMFILE, path);
            assertEquals(2, channels.refused.get());
            assertEquals(1, channels.open.get());
            channels.mostOpen = Integer.MAX_VALUE;
            file.close();
        }

        @Test
        @DisplayName("by an open that has created its file before it finds no descriptor")
        void noDescriptorOfNewFile() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            Path created = folder.resolve("new");
            // The file is created through a first channel, which is closed before the second one is opened.
            files.openBy((of, options) -> {
                channels.mostOpen = options.contains(StandardOpenOption.CREATE_NEW) ? Integer.MAX_VALUE : 1;
                return channels.open(of, options);
            });
            HostFile file = open(created, RW[0], RW[1], StandardOpenOption.CREATE_NEW);
            files.openBy(channels);
            channels.mostOpen = Integer.MAX_VALUE;
            assertEquals(8, file.pwrite(bytes(77), 0));
            file.close();
            assertEquals(77, number(created, 0));
            assertFalse(isServed(path));
        }

        @Test
        @DisplayName("if the file is a buffer or a channel")
        void others() throws Exception {
            write("f", PAGES * PAGE_BYTES);
            try (FileChannel channel = FileChannel.open(path)) {
                for (int i = 0; i < 2; i++) {
                    HostFile file = fixture.machine.openFile("lent", GEOMETRY, channel, false);
                    assertFalse(isPresent(file, 0));
                    assertEquals(STAMP, read(file, 0));
                    file.close();
                    assertFalse(files.isInUse());
                }
            }
        }
    }

    @DisplayName("are freed")
    @Nested
    final class Off extends Keeping {
        Off() {
            super(0);
        }

        @Test
        @DisplayName("by the last close, unless files may be kept")
        void off() throws Exception {
            readAndClose(write("f", PAGES * PAGE_BYTES));
            assertEquals(0, channels.open.get());
            assertFalse(files.isInUse());
            assertFalse(isServed(path));
        }

        @ParameterizedTest
        @ValueSource(ints = {-1, Integer.MIN_VALUE})
        @DisplayName("not by a setting that is negative, which is refused")
        void negative(int most) {
            assertThrows(IllegalArgumentException.class, () -> Machine.builder().keepClosedFiles(most));
        }
    }
}
