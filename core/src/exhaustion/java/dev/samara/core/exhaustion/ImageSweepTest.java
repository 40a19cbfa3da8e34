// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.exhaustion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.testing.Explored;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Loads, saves and closes of images that run out of stack or heap hold nothing, once what failed is closed again. */
@Timeout(value = 620, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Explored(8)
final class ImageSweepTest {
    private static final long A = 0x10_0000_0000L;
    private static final int PAGE = 4096;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    /** A machine with a file that contains an image of one page. */
    abstract static class Scene implements StackSweep.Scene {
        private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

        final Machine machine =
                Machine.builder().memory(1 << 20).reportTo(report -> {}).build();
        final Path path;

        Scene() {
            try {
                path = Files.createTempFile("swept", ".image");
                try (AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
                        FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                    assertEquals(A, space.mmap(A, PAGE, RW, FIXED, null, 0));
                    assertEquals(1, space.write(A, new byte[] {7}, 0, 1));
                    space.save(channel, Map.of());
                }
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        final SpaceImage open() {
            try {
                return machine.openImage(path, Geometry.LINUX_X86_64);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        final AddressSpace load(SpaceImage image) {
            try {
                AddressSpace space = image.load(machine.space(Geometry.LINUX_X86_64));
                assertEquals(1, space.write(A, new byte[] {8}, 0, 1));
                return space;
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        /** Judges that nothing is held, before the close of the machine closes what is left. */
        final void judgeNothingHeld() throws Exception {
            machine.awaitQuiescence();
            assertEquals(0, machine.committed(), "committed");
            assertEquals(0, machine.references().size(), "references");
            assertEquals(0, machine.statistics().framesInUse(), "frames in use");
            assertEquals(0, descriptors(), "descriptors of the file");
            machine.close();
            Files.delete(path);
        }

        private long descriptors() throws IOException {
            if (!Files.isDirectory(DESCRIPTORS)) {
                return 0;
            }
            try (Stream<Path> all = Files.list(DESCRIPTORS)) {
                return all.filter(this::isOfFile).count();
            }
        }

        private boolean isOfFile(Path descriptor) {
            try {
                return Files.readSymbolicLink(descriptor).equals(path.toRealPath());
            } catch (IOException closed) {
                return false;
            }
        }
    }

    /** Closes an image of which no space is left, so its page caches and its file end. */
    static final class Close extends Scene {
        private final SpaceImage image = open();

        Close() {
            load(image).close();
        }

        @Override
        public boolean call() {
            image.close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            image.close();
            judgeNothingHeld();
        }
    }

    @Test
    @DisplayName("the close of an image, without stack")
    void closeWithoutStack() throws Exception {
        StackSweep.sweep(Close.class);
    }

    @Test
    @DisplayName("the close of an image, without heap")
    void closeWithoutHeap() throws Exception {
        HeapSweep.sweepWithoutNeed(Close.class);
    }

    /** Closes a host file with a page in memory. */
    static final class CloseOfFile extends Scene {
        private final HostFile file = machine.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.READ);

        CloseOfFile() {
            assertEquals(1, file.pread(ByteBuffer.allocate(1), 0));
        }

        @Override
        public boolean call() {
            file.close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            file.close();
            judgeNothingHeld();
        }
    }

    @Test
    @DisplayName("the close of a host file, without stack")
    void closeOfFileWithoutStack() throws Exception {
        StackSweep.sweep(CloseOfFile.class);
    }

    @Test
    @DisplayName("the close of a host file, without heap")
    void closeOfFileWithoutHeap() throws Exception {
        HeapSweep.sweepWithoutNeed(CloseOfFile.class);
    }

    /** Loads a space; if that fails, the close of the image is the last use. */
    static final class Load extends Scene {
        private final SpaceImage image = open();
        private @Nullable AddressSpace loaded;

        @Override
        public boolean call() {
            try {
                loaded = image.load(machine.space(Geometry.LINUX_X86_64));
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            if (loaded != null) {
                loaded.close();
            }
            load(image).close();
            image.close();
            judgeNothingHeld();
        }
    }

    @Test
    @DisplayName("a load, without stack")
    void loadWithoutStack() throws Exception {
        StackSweep.sweep(Load.class);
    }

    @Test
    @DisplayName("a load, without heap")
    void loadWithoutHeap() throws Exception {
        HeapSweep.sweep(Load.class, 8);
    }

    /** Ends a checkpoint that keeps the opens of an image's mappings, which left the layout since. */
    static final class CloseOfKept extends Scene {
        private final AddressSpace space;
        private final Checkpoint checkpoint;

        CloseOfKept() {
            try (SpaceImage image = open()) {
                space = load(image);
            }
            checkpoint = space.checkpoint();
            assertEquals(0, space.munmap(A, PAGE));
        }

        @Override
        public boolean call() {
            checkpoint.close();
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            checkpoint.close();
            space.close();
            judgeNothingHeld();
        }
    }

    @Test
    @DisplayName("the close of opens that a checkpoint keeps, without stack")
    void closeOfKeptWithoutStack() throws Exception {
        StackSweep.sweep(CloseOfKept.class);
    }

    @Test
    @DisplayName("the close of opens that a checkpoint keeps, without heap")
    void closeOfKeptWithoutHeap() throws Exception {
        HeapSweep.sweepLarge(CloseOfKept.class);
    }

    /** Saves an image to a second file. */
    static final class Save extends Scene {
        private final SpaceImage image = open();
        private final AddressSpace space = load(image);
        private @Nullable Path saved;
        private @Nullable FileChannel channel;

        @Override
        public void prepare() {
            try {
                saved = Files.createTempFile("saved", ".image");
                channel = FileChannel.open(saved, StandardOpenOption.WRITE);
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
        }

        @Override
        public boolean call() {
            try {
                space.save(Objects.requireNonNull(channel), Map.of());
            } catch (IOException failed) {
                throw new UncheckedIOException(failed);
            }
            return true;
        }

        @Override
        public void judge(@Nullable Throwable thrown) throws Exception {
            Objects.requireNonNull(channel).close();
            Path written = Objects.requireNonNull(saved);
            assertTrue(thrown != null || Files.size(written) > PAGE, "saved");
            Files.delete(written);
            space.close();
            image.close();
            judgeNothingHeld();
        }
    }

    @Test
    @DisplayName("a save, without stack")
    void saveWithoutStack() throws Exception {
        StackSweep.sweep(Save.class);
    }

    @Test
    @DisplayName("a save, without heap")
    void saveWithoutHeap() throws Exception {
        HeapSweep.sweep(Save.class, 8);
    }
}
