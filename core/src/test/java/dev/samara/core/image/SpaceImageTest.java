// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.image;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.EXEC;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.image.ImageFixture.describe;
import static dev.samara.core.image.ImageFixture.load;
import static dev.samara.core.image.ImageFixture.open;
import static dev.samara.core.image.ImageFixture.save;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Checkpoint;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(OneThread.class)
@DisplayName("An image")
final class SpaceImageTest {
    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    private final MemoryFile file = fixture.file(4);

    @AfterEach
    void leavesNothing() {
        file.close();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    /** Writes to each second page. */
    private long mapped(long pages, int protection, int flags) {
        long at = fixture.map(0, pages, RW, ANONYMOUS | flags, null, 0);
        for (long page = 0; page < pages; page += 2) {
            fixture.store(at + page * PAGE + 8, at + page);
        }
        assertEquals(0, space.mprotect(at, pages * PAGE, protection));
        return at;
    }

    /** Maps private memory of each kind, apart from each other. */
    private void mapKinds() {
        mapped(5, RW, 0);
        mapped(5, READ, 0);
        mapped(5, Mman.NONE, 0);
        mapped(5, READ | EXEC, 0);
        mapped(5, RW, Mman.NORESERVE);
        long gap = fixture.anonymous(1);
        long named = mapped(4, RW, 0);
        assertEquals(0, space.munmap(gap, PAGE));
        assertEquals(0, space.setAnonymousName(named, 4 * PAGE, "pool"));
        long advised = mapped(4, RW, 0);
        assertEquals(0, space.madvise(advised, 2 * PAGE, Mman.SEQUENTIAL));
        assertEquals(0, space.madvise(advised + 2 * PAGE, 2 * PAGE, Mman.DONTDUMP));
        long guarded = mapped(6, RW, 0);
        assertEquals(0, space.madvise(guarded + PAGE, 2 * PAGE, Mman.GUARD_INSTALL));
        long wiped = mapped(3, RW, 0);
        assertEquals(0, space.madvise(wiped, 3 * PAGE, Mman.WIPEONFORK));
        fixture.store(fixture.map(0, 3, RW, Mman.ANONYMOUS | Mman.DROPPABLE, null, 0), 3);
        long absent = mapped(3, RW, 0);
        assertEquals(0, space.madvise(absent, 3 * PAGE, Mman.DONTFORK));
        long locked = mapped(3, RW, 0);
        assertEquals(0, space.mlock(locked, 3 * PAGE));
        long sealed = mapped(3, READ, 0);
        assertEquals(0, space.mseal(sealed, 3 * PAGE, 0));
        fixture.map(0x7000_0000_0000L, 3, RW, ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN, null, 0);
        fixture.store(0x7000_0000_2000L, 5);
        fixture.store(0x6fff_ffff_f000L, 6);
        fixture.map(0, 3, RW, Mman.PRIVATE, file.open(), 1);
        long written = fixture.map(0, 3, RW, Mman.PRIVATE, file.open(), 1);
        fixture.store(written + PAGE, 77);
        fixture.map(0, 1000, Mman.NONE, ANONYMOUS, null, 0);
        long moved = mapped(4, RW, 0);
        long target = fixture.anonymous(4);
        assertEquals(target, space.mremap(moved, 4 * PAGE, 4 * PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, target));
        long heap = space.brk(0);
        assertEquals(heap + 4 * PAGE, space.brk(heap + 4 * PAGE));
        fixture.store(heap + 2 * PAGE, 9);
    }

    @Test
    @DisplayName("has the mappings and bytes of a child, of each kind of private memory, mapped or copied")
    void roundTrip() throws IOException {
        mapKinds();
        String expected;
        try (AddressSpace child = space.fork()) {
            expected = describe(child);
        }
        assertTrue(expected.lines().count() > 45, expected);
        byte[] saved = save(space);
        try (SpaceImage image = open(fixture.machine, saved);
                AddressSpace loaded = load(image, fixture.machine);
                AddressSpace copied = image.copy(fixture.machine.space(GEOMETRY))) {
            assertEquals(expected, describe(copied));
            assertEquals(expected.replaceAll(" \\[anon:pool]", " null"), describe(loaded));
            assertEquals(space.brk(0), loaded.brk(0));
            loaded.validate();
            copied.validate();
            // An image of what was loaded contains the same again, although its pages were not written.
            assertArrayEquals(withoutIdentity(save(copied)), withoutIdentity(saved));
            byte[] again = save(loaded);
            try (SpaceImage second = open(fixture.machine, again);
                    AddressSpace reloaded = load(second, fixture.machine)) {
                assertEquals(describe(loaded), describe(reloaded));
            }
        }
    }

    @Test
    @DisplayName("keeps sections")
    void sections() throws IOException {
        byte[] saved = save(space, Map.of("registers", new byte[] {1, 2}, "", new byte[0]));
        try (SpaceImage image = open(fixture.machine, saved)) {
            assertEquals(Set.of("registers", ""), image.sections());
            assertArrayEquals(new byte[] {1, 2}, image.section("registers"));
            assertArrayEquals(new byte[0], image.section(""));
            assertNull(image.section("other"));
        }
    }

    @Test
    @DisplayName("gives two spaces the same frames until one of them writes")
    void sharing() throws IOException {
        long at = fixture.anonymous(40);
        for (int page = 0; page < 40; page++) {
            fixture.store(at + page * PAGE, page + 1);
        }
        byte[] saved = save(space);
        try (SpaceImage image = open(fixture.machine, saved);
                AddressSpace one = load(image, fixture.machine);
                AddressSpace other = load(image, fixture.machine)) {
            assertEquals(describe(one), describe(other));
            long shared = fixture.frames();
            byte[] word = {77, 0, 0, 0, 0, 0, 0, 0};
            assertEquals(8, one.write(at + 3 * PAGE, word, 0, 8));
            assertEquals(shared + 1, fixture.frames());
            assertEquals(8, other.read(at + 3 * PAGE, word, 0, 8));
            assertEquals(4, word[0]);
            try (AddressSpace third = load(image, fixture.machine)) {
                assertEquals(describe(other), describe(third));
                assertEquals(shared + 1, fixture.frames());
            }
        }
    }

    @Test
    @DisplayName("is of one instant of the save, while a guest stores")
    void storesBesideTheSave() throws Exception {
        long at = fixture.anonymous(64);
        AtomicBoolean isEnding = new AtomicBoolean();
        FutureTask<Void> guest = new FutureTask<>(
                () -> {
                    try (Guest entered = space.enter()) {
                        for (long round = 1; !isEnding.get(); round++) {
                            for (int page = 0; page < 64; page++) {
                                assertEquals(0, entered.memory().store(at + page * PAGE, 8, round));
                                entered.poll();
                            }
                        }
                    }
                },
                null);
        Thread thread = new Thread(guest);
        thread.start();
        try {
            for (int i = 0; i < 50; i++) {
                byte[] saved = save(space);
                try (SpaceImage image = open(fixture.machine, saved);
                        AddressSpace loaded = load(image, fixture.machine)) {
                    long first = number(loaded, at);
                    long last = first;
                    for (int page = 1; page < 64; page++) {
                        long now = number(loaded, at + page * PAGE);
                        assertTrue(
                                now == last || (now == first - 1 && last == first), first + ", " + last + ", " + now);
                        last = now;
                    }
                }
            }
        } finally {
            isEnding.set(true);
            guest.get();
        }
    }

    private static long number(AddressSpace of, long address) {
        ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(8, of.read(address, word));
        return word.getLong(0);
    }

    @Test
    @DisplayName("is read again where the machine reclaimed pages, with the same bytes")
    void reclaimed() throws IOException {
        long at = fixture.map(0x10_0000_0000L, 400, RW, ANONYMOUS | Mman.FIXED, null, 0);
        for (int page = 0; page < 400; page++) {
            fixture.store(at + page * PAGE, page + 1);
        }
        byte[] saved = save(space);
        try (Machine small = Machine.builder().memory(300 * PAGE).build();
                SpaceImage image = open(small, saved)) {
            // Each space has half of the pages, and those of the closed one are reclaimed.
            for (int half = 0; half < 6; half++) {
                try (AddressSpace loaded = load(image, small)) {
                    for (int page = half % 2 * 200; page < (half % 2 + 1) * 200; page++) {
                        assertEquals(page + 1, number(loaded, at + page * PAGE));
                    }
                }
            }
        }
    }

    /** Clears the identities of a copy of an image, which are random, and the checksum that covers them. */
    private static byte[] withoutIdentity(byte[] image) {
        ByteBuffer bytes = ByteBuffer.wrap(image.clone()).order(ByteOrder.LITTLE_ENDIAN);
        assertTrue(bytes.getLong(16) != 0 && bytes.getLong(24) != 0, "an identity");
        assertTrue(bytes.getLong(48) != 0 && bytes.getLong(56) != 0, "the identity of the save");
        bytes.putLong(16, 0).putLong(24, 0).putLong(48, 0).putLong(56, 0).putInt(image.length - 12, 0);
        return bytes.array();
    }

    @Test
    @DisplayName("has the bytes of version 1 of the format")
    void format() throws IOException {
        fixture.map(0x10_0000_0000L, 3, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.store(0x10_0000_1008L, 0x0123_4567_89ab_cdefL);
        assertEquals(0, space.setAnonymousName(0x10_0000_0000L, 3 * PAGE, "pool"));
        assertEquals(0, space.madvise(0x10_0000_2000L, PAGE, Mman.GUARD_INSTALL));
        byte[] saved = save(space, Map.of("b", new byte[] {1}, "a", new byte[] {2, 3}));
        CRC32C checksum = new CRC32C();
        checksum.update(withoutIdentity(saved));
        // Of another format, change the number of the version, too.
        assertEquals("34110f12", Long.toHexString(checksum.getValue()));
    }

    @Test
    @DisplayName("leaves zeros around a mapping that grows, and under a stack")
    void growth() throws IOException {
        long at = fixture.map(0x10_0000_0000L, 4, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.map(at + 4 * PAGE, 4, READ, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.store(at, 1);
        long stack = fixture.map(0x20_0000_0000L, 2, RW, ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN, null, 0);
        fixture.store(stack, 2);
        assertEquals(0, space.mprotect(at + 4 * PAGE, 4 * PAGE, RW));
        fixture.store(at + 4 * PAGE, 3);
        assertEquals(0, space.mprotect(at + 4 * PAGE, 4 * PAGE, READ));
        byte[] saved = save(space);
        try (SpaceImage image = open(fixture.machine, saved);
                AddressSpace loaded = load(image, fixture.machine)) {
            assertEquals(0, loaded.munmap(at + 4 * PAGE, 4 * PAGE));
            assertEquals(at, loaded.mremap(at, 4 * PAGE, 8 * PAGE, 0, 0));
            assertEquals(0, number(loaded, at + 4 * PAGE));
            assertEquals(1, number(loaded, at));
            assertEquals(0, number(loaded, stack - 3 * PAGE));
            assertEquals(2, number(loaded, stack));
            // The image of a stack that grew, and of a mapping that lost its first page.
            assertEquals(0, loaded.munmap(at, PAGE));
            byte[] again = save(loaded);
            try (SpaceImage second = open(fixture.machine, again);
                    AddressSpace reloaded = load(second, fixture.machine)) {
                assertEquals(describe(loaded), describe(reloaded));
            }
        }
    }

    @Nested
    @DisplayName("in a file")
    final class InAFile {
        @TempDir
        Path folder;

        private Path saved() throws IOException {
            long at = fixture.map(0x10_0000_0000L, 40, RW, ANONYMOUS | Mman.FIXED, null, 0);
            for (int page = 0; page < 40; page++) {
                fixture.store(at + page * PAGE, page + 1);
            }
            Path path = folder.resolve("image");
            try (FileChannel channel =
                    FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                space.save(channel, Map.of());
            }
            return path;
        }

        @Test
        @DisplayName("is read after it was closed, by spaces that were loaded before")
        void closedBefore() throws IOException {
            Path path = saved();
            SpaceImage image = fixture.machine.openImage(path, GEOMETRY);
            AddressSpace loaded = load(image, fixture.machine);
            image.verify();
            image.close();
            assertThrows(IllegalStateException.class, () -> load(image, fixture.machine));
            assertThrows(IllegalStateException.class, image::verify);
            try (loaded;
                    AddressSpace child = loaded.fork()) {
                assertEquals(describe(space), describe(loaded));
                assertEquals(describe(space), describe(child));
            }
        }

        @Test
        @DisplayName("is closed after the last mapping, also of children and of those that checkpoints bring back")
        void uses() throws IOException, InterruptedException {
            Path path = saved();
            long frames = fixture.frames();
            AddressSpace loaded;
            try (SpaceImage image = fixture.machine.openImage(path, GEOMETRY)) {
                loaded = load(image, fixture.machine);
            }
            String expected = describe(loaded);
            long start = loaded.snapshot().iterator().next().start();
            Checkpoint checkpoint = loaded.checkpoint();
            AddressSpace child = loaded.fork();
            for (int i = 0; i < 3; i++) {
                assertEquals(0, loaded.munmap(start, PAGE));
                checkpoint.restore();
                assertEquals(expected, describe(loaded));
            }
            assertEquals(0, loaded.munmap(start, PAGE));
            checkpoint.close();
            loaded.close();
            assertEquals(expected, describe(child));
            child.close();
            fixture.machine.awaitQuiescence();
            assertEquals(frames, fixture.frames());
        }

        @Test
        @DisplayName("is refused when the file has changed, but not when another one replaced it")
        void changed() throws IOException {
            Path path = saved();
            try (SpaceImage image = fixture.machine.openImage(path, GEOMETRY)) {
                Files.move(path, folder.resolve("old"));
                load(image, fixture.machine).close();
                Files.write(path, new byte[9]);
                load(image, fixture.machine).close();
                image.verify();
            }
            Path old = folder.resolve("old");
            try (SpaceImage image = fixture.machine.openImage(old, GEOMETRY)) {
                FileTime time = Files.getLastModifiedTime(old);
                Files.setLastModifiedTime(old, FileTime.fromMillis(time.toMillis() - 5000));
                assertThrows(IOException.class, () -> load(image, fixture.machine));
                assertThrows(IOException.class, image::verify);
                Files.setLastModifiedTime(old, time);
                load(image, fixture.machine).close();
                Files.write(old, new byte[1], StandardOpenOption.APPEND);
                Files.setLastModifiedTime(old, time);
                assertThrows(IOException.class, () -> load(image, fixture.machine));
            }
            assertThrows(IOException.class, () -> fixture.machine.openImage(old, GEOMETRY));
            assertThrows(MmException.class, () -> fixture.machine.openImage(folder.resolve("none"), GEOMETRY));
        }

        @Test
        @DisplayName("is saved and loaded by an interrupted thread only as far as that needs no copy")
        void interrupted() throws IOException {
            Path path = saved();
            try (SpaceImage image = fixture.machine.openImage(path, GEOMETRY)) {
                Thread.currentThread().interrupt();
                try (AddressSpace loaded = load(image, fixture.machine)) {
                    assertEquals(1, number(loaded, 0x10_0000_0000L));
                    assertThrows(InterruptedIOException.class, () -> image.copy(fixture.machine.space(GEOMETRY)));
                    assertThrows(InterruptedIOException.class, image::verify);
                    assertThrows(InterruptedIOException.class, () -> save(space));
                }
                assertTrue(Thread.interrupted());
                image.verify();
            }
        }
    }

    @Test
    @DisplayName("is not complete if the channel is closed, and leaves no child")
    void closedChannel() throws IOException {
        fixture.store(fixture.anonymous(1), 1);
        long frames = fixture.frames();
        WritableByteChannel target = Channels.newChannel(new ByteArrayOutputStream());
        target.close();
        assertThrows(ClosedChannelException.class, () -> space.save(target, Map.of()));
        assertEquals(frames, fixture.frames());
        assertEquals(1, fixture.machine.references().size());
    }

    @Test
    @DisplayName("is refused for memory that a child shares, for devices, and for pages beyond the end of a file")
    void refusals() {
        assertRefused(Errno.EOPNOTSUPP, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        assertRefused(Errno.EOPNOTSUPP, READ, Mman.SHARED, file.openReadOnly(), 0);
        assertRefused(Errno.EOPNOTSUPP, RW, Mman.PRIVATE, new NamedBacking("/dev/none", 3) {}, 0);
        assertRefused(Errno.EIO, RW, Mman.PRIVATE, file.open(), 3);
    }

    private void assertRefused(Errno errno, int protection, int flags, @Nullable Backing backing, long page) {
        long at = fixture.map(0, 2, protection, flags, backing, page);
        assertEquals(errno, assertThrows(MmException.class, () -> save(space)).errno());
        assertEquals(0, space.munmap(at, 2 * PAGE));
    }

    @Test
    @DisplayName("is loaded within the limits of the builder and the machine")
    void limits() throws IOException {
        long at = fixture.map(0x10_0000_0000L, 40, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.store(at, 1);
        fixture.map(0x20_0000_0000L, 4, RW, ANONYMOUS | Mman.FIXED, null, 0);
        byte[] saved = save(space);
        try (SpaceImage image = open(fixture.machine, saved)) {
            for (Resource resource : List.of(Resource.AS, Resource.DATA)) {
                assertNoRoom(image, fixture.machine.space(GEOMETRY).limit(resource, 43 * PAGE));
                image.load(fixture.machine.space(GEOMETRY).limit(resource, 44 * PAGE))
                        .close();
            }
            assertThrows(
                    IllegalArgumentException.class,
                    () -> image.load(fixture.machine.space(GEOMETRY).guard(0, 0x10_0000_1000L)));
            assertThrows(
                    IllegalArgumentException.class, () -> image.load(fixture.machine.space(Geometry.LINUX_AARCH64_4K)));
            try (Machine other = Machine.builder().build()) {
                assertThrows(IllegalArgumentException.class, () -> load(image, other));
            }
        }
        for (MachineBuilder builder : List.of(
                Machine.builder().memory(64 * PAGE).maxMapCount(1),
                Machine.builder().memory(64 * PAGE).commitLimit(43 * PAGE))) {
            try (Machine small = builder.build();
                    SpaceImage image = open(small, saved)) {
                assertNoRoom(image, small.space(GEOMETRY));
            }
        }
        assertThrows(IOException.class, () -> open(fixture.machine, new byte[0]));
        try (HostFile opened = fixture.machine.openFile("image", GEOMETRY, ByteBuffer.wrap(saved))) {
            assertThrows(IOException.class, () -> fixture.machine.openImage(opened, Geometry.LINUX_AARCH64_4K));
        }
    }

    private static void assertNoRoom(SpaceImage image, AddressSpaceBuilder builder) {
        assertEquals(
                Errno.ENOMEM,
                assertThrows(MmException.class, () -> image.load(builder)).errno());
    }
}
