// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("Spaces that map a file with blocks, beyond a limit of 8 of these, have the bytes of arrays")
final class SpacesOfBlocksTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final int BLOCKS = 13;
    private static final int STEPS = 2_000;

    /** The maximum number of spaces, and of checkpoints of each. */
    private static final int MOST = 4;

    @DisplayName("with blocks of 16 KiB")
    @Nested
    final class Small extends Model {
        Small() {
            super(4, HostFileOption.BLOCKS_16K);
        }
    }

    @DisplayName("with blocks of 64 KiB")
    @Nested
    final class Large extends Model {
        Large() {
            super(16, HostFileOption.BLOCKS_64K);
        }
    }

    /** The expected state of one space. It maps the whole file twice. */
    private static final class Expected {
        final AddressSpace space;

        /** The pages of the private mapping that were written; null for a page that shows the file. */
        byte[] @Nullable [] pages;

        final Deque<Instant> instants = new ArrayDeque<>();

        Expected(AddressSpace space, byte[] @Nullable [] pages) {
            this.space = space;
            this.pages = pages;
        }

        byte[] @Nullable [] copy() {
            byte[] @Nullable [] copied = new byte[pages.length][];
            for (int i = 0; i < pages.length; i++) {
                byte[] page = pages[i];
                copied[i] = page == null ? null : page.clone();
            }
            return copied;
        }

        void close() {
            instants.forEach(each -> each.checkpoint.close());
            space.close();
        }
    }

    /** A checkpoint, and the expected pages of the private mapping after a restore. */
    private static final class Instant {
        final Checkpoint checkpoint;
        final byte[] @Nullable [] pages;

        Instant(Checkpoint checkpoint, byte[] @Nullable [] pages) {
            this.checkpoint = checkpoint;
            this.pages = pages;
        }
    }

    abstract static class Model extends HostFileFixture {
        private final HostFileOption option;

        /** The number of pages of the file, whose last block is not full. */
        private final int pages;

        private final Random random = new Random(SEED);
        private final byte[] bytes;
        private final List<Expected> spaces = new ArrayList<>();
        private final List<PinnedFrame> pins = new ArrayList<>();
        private long shared;
        private long own;
        private int step;

        Model(int block, HostFileOption option) {
            super(Machine.builder()
                    .memory(512L * block * PAGE)
                    .cacheLimit(8L * block * PAGE)
                    .poisonFrames(true)
                    .writeBackEvery(Duration.ZERO)
                    .reportWaitsLongerThan(Await.LONG)
                    .reportShootdownsLongerThan(Await.LONG));
            this.option = option;
            pages = BLOCKS * block - 1;
            bytes = new byte[pages * PAGE_BYTES];
        }

        private String message() {
            return "seed " + SEED + ", step " + step;
        }

        @Test
        @DisplayName("through forks, checkpoints, restores, images, stores, writes of the file and evictions")
        void spaces() throws Exception {
            random.nextBytes(bytes);
            Files.write(path, bytes);
            HostFile file = open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, option);
            shared = fixture.map(0, pages, READ | WRITE, Mman.SHARED, file, 0);
            own = fixture.map(0, pages, READ | WRITE, Mman.PRIVATE, file, 0);
            spaces.add(new Expected(space, new byte[pages][]));
            for (step = 0; step < STEPS; step++) {
                step(file);
            }
            for (Expected each : spaces) {
                check(each);
            }
            pins.forEach(PinnedFrame::close);
            spaces.subList(1, spaces.size()).forEach(Expected::close);
            spaces.get(0).instants.forEach(each -> each.checkpoint.close());
            assertEquals(0, space.munmap(own, pages * PAGE));
            assertEquals(0, file.fsync());
            fixture.machine.awaitQuiescence();
            evict(file);
            assertEquals(0, fixture.frames(), message());
            assertEquals(0, fixture.machine.statistics().pins(), message());
            assertArrayEquals(bytes, Files.readAllBytes(path), message());
        }

        private void evict(HostFile file) {
            assertEquals(0, file.fadvise(0, 0, Mman.POSIX_FADV_DONTNEED));
        }

        private void step(HostFile file) throws IOException {
            Expected chosen = spaces.get(random.nextInt(spaces.size()));
            int offset = random.nextInt(bytes.length);
            byte[] some = new byte[Math.min(1 + random.nextInt(3 * PAGE_BYTES), bytes.length - offset)];
            random.nextBytes(some);
            switch (random.nextInt(20)) {
                case 0, 1, 2, 3 -> {
                    assertEquals(some.length, chosen.space.write(own + offset, some, 0, some.length), message());
                    putOwn(chosen, offset, some);
                }
                case 4, 5, 6 -> {
                    assertEquals(some.length, chosen.space.write(shared + offset, some, 0, some.length), message());
                    System.arraycopy(some, 0, bytes, offset, some.length);
                }
                case 7, 8 -> {
                    assertEquals(some.length, file.pwrite(ByteBuffer.wrap(some), offset), message());
                    System.arraycopy(some, 0, bytes, offset, some.length);
                }
                case 9, 10 -> checkPage(chosen, offset / PAGE_BYTES);
                case 11 -> check(chosen);
                case 12 -> fork(chosen);
                case 13 -> {
                    if (chosen.space != space) {
                        spaces.remove(chosen);
                        chosen.close();
                    }
                }
                case 14 -> {
                    if (chosen.instants.size() < MOST) {
                        chosen.instants.addLast(new Instant(chosen.space.checkpoint(), chosen.copy()));
                    }
                }
                case 15 -> restore(chosen);
                case 16 -> image(chosen);
                case 17 -> pin();
                case 18 -> evict(file);
                default -> assertEquals(0, file.fsync(), message());
            }
        }

        private void putOwn(Expected of, int offset, byte[] some) {
            for (int i = 0; i < some.length; i++) {
                int page = (offset + i) / PAGE_BYTES;
                byte[] written = of.pages[page];
                if (written == null) {
                    written = Arrays.copyOfRange(bytes, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
                    of.pages[page] = written;
                }
                written[(offset + i) % PAGE_BYTES] = some[i];
            }
        }

        private void fork(Expected of) {
            if (spaces.size() < MOST) {
                spaces.add(new Expected(of.space.fork(), of.copy()));
            }
        }

        /** Returns to any checkpoint of a space, which closes the younger ones, and perhaps closes this one, too. */
        private void restore(Expected of) {
            if (of.instants.isEmpty()) {
                return;
            }
            for (int left = random.nextInt(of.instants.size()); left > 0; left--) {
                of.instants.removeLast();
            }
            Instant last = of.instants.getLast();
            last.checkpoint.restore();
            of.pages = last.pages;
            of.pages = of.copy();
            if (random.nextBoolean()) {
                of.instants.removeLast();
                last.checkpoint.close();
            }
        }

        /** Saves a child without the shared mapping, and compares what is loaded from the image, a file with blocks. */
        private void image(Expected of) throws IOException {
            Path saved = folder.resolve("image");
            try (AddressSpace child = of.space.fork();
                    FileChannel target = FileChannel.open(
                            saved,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.TRUNCATE_EXISTING,
                            StandardOpenOption.WRITE)) {
                assertEquals(0, child.munmap(shared, pages * PAGE));
                child.save(target, Map.of());
            }
            // The image closes its file.
            HostFile read = fixture.machine.openFile(saved, GEOMETRY, StandardOpenOption.READ, option);
            try (SpaceImage image = fixture.machine.openImage(read, GEOMETRY);
                    AddressSpace loaded = image.load(fixture.machine.space(GEOMETRY));
                    AddressSpace copied = image.copy(fixture.machine.space(GEOMETRY))) {
                checkOwn(new Expected(loaded, of.pages));
                checkOwn(new Expected(copied, of.pages));
            }
        }

        private void pin() {
            if (pins.size() < 3) {
                pins.add(fixture.pin((random.nextBoolean() ? own : shared) + random.nextInt(bytes.length), READ));
            } else {
                pins.remove(random.nextInt(pins.size())).close();
            }
        }

        private void check(Expected of) {
            byte[] found = new byte[bytes.length];
            assertEquals(found.length, of.space.read(shared, found, 0, found.length), message());
            assertArrayEquals(bytes, found, this::message);
            checkOwn(of);
        }

        private void checkOwn(Expected of) {
            for (int page = 0; page < pages; page++) {
                checkPage(of, page);
            }
        }

        private void checkPage(Expected of, int page) {
            byte[] found = new byte[PAGE_BYTES];
            assertEquals(PAGE, of.space.read(own + page * PAGE, found, 0, PAGE_BYTES), message());
            byte[] written = of.pages[page];
            byte[] expected =
                    written != null ? written : Arrays.copyOfRange(bytes, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
            assertArrayEquals(expected, found, () -> message() + ", page " + page);
        }
    }
}
