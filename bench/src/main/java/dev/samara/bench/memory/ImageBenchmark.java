// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import dev.samara.bench.About;
import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Guest;
import dev.samara.core.SpaceImage;
import dev.samara.core.mman.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Images of a space in files: whole ones and increments, their opens, and spaces that are loaded from them.
 *
 * <p>Single calls are sampled, by the clock, because each needs a preparation; compare their medians. The files are in
 * the host's page cache.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 2,
        jvmArgsAppend = {"-Xms1g", "-Xmx1g", "-XX:+AlwaysPreTouch", "-XX:MaxDirectMemorySize=2g"})
public class ImageBenchmark {
    private static final int VMAS = 16;

    /** Called by JMH. */
    public ImageBenchmark() {}

    private static FileChannel channel(Path path) throws IOException {
        return FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
    }

    /** A space, and a folder for the files of its images. */
    static final class Space {
        final FilledSpace filled;
        final Path folder;

        Space(int mib) throws IOException {
            folder = Files.createTempDirectory("images");
            filled = new FilledSpace(VMAS, mib * FilledSpace.MIB);
            filled.cpu.switchTo(filled.space);
        }

        Path file(String name) {
            return folder.resolve(name);
        }

        /** Deletes the files, and closes the machine. */
        void end() throws IOException {
            filled.close();
            List<Path> files;
            try (var all = Files.list(folder)) {
                files = all.toList();
            }
            for (Path file : files) {
                Files.delete(file);
            }
            Files.delete(folder);
        }
    }

    /** A space to be saved. */
    @State(Scope.Thread)
    public static class Unsaved {
        /** The size of the written pages in mebibytes. */
        @Param("256")
        public int mib;

        Space space;
        private final ByteBuffer bytes = ByteBuffer.allocateDirect(1 << 18);

        /** Called by JMH. */
        public Unsaved() {}

        /**
         * Fills the space.
         *
         * @throws IOException if there is no directory for the files
         */
        @Setup(Level.Trial)
        public void setUp() throws IOException {
            space = new Space(mib);
        }

        /**
         * Deletes the files, and closes the machine.
         *
         * @throws IOException if a file cannot be deleted
         */
        @TearDown(Level.Trial)
        public void tearDown() throws IOException {
            space.end();
        }
    }

    /**
     * Saves the space to a new file.
     *
     * @param of the space
     * @throws IOException if the file cannot be written
     */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    @About("a save of 256 MiB to a new file")
    public void save(Unsaved of) throws IOException {
        Path file = of.space.file("saved");
        Files.deleteIfExists(file);
        try (FileChannel channel = channel(file)) {
            of.space.filled.space.save(channel, Map.of());
        }
    }

    /**
     * Writes as many bytes to a new file by {@code FileChannel}, from one buffer.
     *
     * @param of the size
     * @throws IOException if the file cannot be written
     */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    @About("as many bytes written by FileChannel, always the same 256 KiB")
    public void writeFile(Unsaved of) throws IOException {
        Path file = of.space.file("written");
        Files.deleteIfExists(file);
        try (FileChannel channel = channel(file)) {
            for (long left = (long) of.mib << 20; left > 0; left -= of.bytes.capacity()) {
                of.bytes.clear();
                while (of.bytes.hasRemaining()) {
                    channel.write(of.bytes);
                }
            }
        }
    }

    /** Memory outside the heap of the size of the space, whose pages have content. */
    @State(Scope.Thread)
    public static class Memory {
        /** The size in mebibytes. */
        @Param("256")
        public int mib;

        Path folder;
        private ByteBuffer bytes;

        /** Called by JMH. */
        public Memory() {}

        /**
         * Fills the memory.
         *
         * @throws IOException if there is no directory for the file
         */
        @Setup(Level.Trial)
        public void setUp() throws IOException {
            folder = Files.createTempDirectory("images");
            bytes = ByteBuffer.allocateDirect(mib << 20);
            for (int at = 0; at < bytes.capacity(); at += (int) FilledSpace.PAGE) {
                bytes.putLong(at, at + 1);
            }
        }

        /**
         * Deletes the file.
         *
         * @throws IOException if it cannot be deleted
         */
        @TearDown(Level.Trial)
        public void tearDown() throws IOException {
            Files.deleteIfExists(folder.resolve("written"));
            Files.delete(folder);
        }
    }

    /**
     * Writes as much memory as the space has to a new file by {@code FileChannel}, each byte once.
     *
     * @param of the memory
     * @throws IOException if the file cannot be written
     */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    @About("as much distinct memory written by FileChannel, 256 KiB each time")
    public void writeMemory(Memory of) throws IOException {
        Path file = of.folder.resolve("written");
        Files.deleteIfExists(file);
        try (FileChannel channel = channel(file)) {
            for (int at = 0; at < of.bytes.capacity(); at += 1 << 18) {
                of.bytes.limit(at + (1 << 18)).position(at);
                while (of.bytes.hasRemaining()) {
                    channel.write(of.bytes);
                }
            }
        }
    }

    /** A checkpoint of which an image was saved, and a younger one, with pages written between them. */
    @State(Scope.Thread)
    public static class Increments {
        /** The size of the written pages in mebibytes. */
        @Param("256")
        public int mib;

        /** The number of pages written between the checkpoints. */
        @Param("100")
        public int pages;

        Space space;
        private @Nullable Checkpoint older;
        private @Nullable Checkpoint younger;
        private @Nullable FileChannel channel;
        private long rounds;

        /** Called by JMH. */
        public Increments() {}

        /**
         * Saves the base.
         *
         * @throws IOException if it cannot be saved
         */
        @Setup(Level.Trial)
        public void setUp() throws IOException {
            space = new Space(mib);
            Checkpoint base = space.filled.space.checkpoint();
            try (FileChannel target = channel(space.file("base"))) {
                base.save(target, Map.of());
            }
            older = base;
        }

        /**
         * Writes pages, and makes the checkpoint that is saved.
         *
         * @throws IOException if there is no file for it
         */
        @Setup(Level.Invocation)
        public void write() throws IOException {
            space.filled.storeTo(pages, ++rounds);
            younger = space.filled.space.checkpoint();
            channel = channel(space.file("increment"));
        }

        /**
         * Makes the saved checkpoint the base.
         *
         * @throws IOException if the file cannot be closed
         */
        @TearDown(Level.Invocation)
        public void advance() throws IOException {
            Objects.requireNonNull(channel).close();
            Objects.requireNonNull(older).close();
            older = younger;
        }

        /**
         * Closes the last checkpoint, and deletes the files.
         *
         * @throws IOException if a file cannot be deleted
         */
        @TearDown(Level.Trial)
        public void tearDown() throws IOException {
            Objects.requireNonNull(older).close();
            space.end();
        }
    }

    /**
     * Saves the pages that changed between two checkpoints.
     *
     * @param of the checkpoints
     * @throws IOException if the file cannot be written
     */
    @Benchmark
    @About("an increment of 100 pages, to an open file")
    public void increment(Increments of) throws IOException {
        Objects.requireNonNull(of.younger)
                .saveSince(Objects.requireNonNull(of.older), Objects.requireNonNull(of.channel), Map.of());
    }

    /** The files of a base and of increments of 100 pages each. */
    static final class Chain {
        private static final int PAGES = 100;

        final Space space;
        private final Path base;
        private final Path[] files;

        Chain(int mib, int increments) throws IOException {
            space = new Space(mib);
            base = space.file("base");
            FilledSpace filled = space.filled;
            List<Path> saved = new ArrayList<>();
            Checkpoint older = filled.space.checkpoint();
            try (FileChannel target = channel(base)) {
                older.save(target, Map.of());
            }
            for (int i = 0; i < increments; i++) {
                filled.storeTo(PAGES, i + 1);
                Checkpoint younger = filled.space.checkpoint();
                Path file = space.file("increment" + i);
                try (FileChannel target = channel(file)) {
                    younger.saveSince(older, target, Map.of());
                }
                older.close();
                older = younger;
                saved.add(file);
            }
            older.close();
            files = saved.toArray(Path[]::new);
        }

        SpaceImage open() throws IOException {
            return space.filled.machine.openImage(base, FilledSpace.GEOMETRY, files);
        }
    }

    /** Files that are opened. */
    @State(Scope.Thread)
    public static class Closed {
        /** The size of the written pages in mebibytes. */
        @Param("256")
        public int mib;

        /** The number of increments. */
        @Param({"0", "1", "10", "63"})
        public int increments;

        Chain chain;
        private @Nullable SpaceImage opened;

        /** Called by JMH. */
        public Closed() {}

        /**
         * Saves the files.
         *
         * @throws IOException if one cannot be saved
         */
        @Setup(Level.Trial)
        public void setUp() throws IOException {
            chain = new Chain(mib, increments);
        }

        /** Closes the image. */
        @TearDown(Level.Invocation)
        public void close() {
            if (opened != null) {
                opened.close();
                opened = null;
            }
        }

        /**
         * Deletes the files.
         *
         * @throws IOException if one cannot be deleted
         */
        @TearDown(Level.Trial)
        public void tearDown() throws IOException {
            chain.space.end();
        }
    }

    /**
     * Opens an image.
     *
     * @param of its files
     * @return the image
     * @throws IOException if one is damaged
     */
    @Benchmark
    @About("the open of an image with 0 to 63 increments, without its end")
    public SpaceImage open(Closed of) throws IOException {
        SpaceImage opened = of.chain.open();
        of.opened = opened;
        return opened;
    }

    /** An open image, and the pages of it that are touched. */
    @State(Scope.Thread)
    public static class Loaded {
        private static final int READ = 40;
        private static final int WRITTEN = 10;

        /** The size of the written pages in mebibytes. */
        @Param("256")
        public int mib;

        /** The number of increments. */
        @Param({"0", "1", "10", "63"})
        public int increments;

        /** The touched pages are spread over so many mebibytes. */
        @Param({"4", "256"})
        public int span;

        Chain chain;
        private SpaceImage image;
        private @Nullable AddressSpace space;

        /** Called by JMH. */
        public Loaded() {}

        /**
         * Opens the image.
         *
         * @throws IOException if it is damaged
         */
        @Setup(Level.Trial)
        public void setUp() throws IOException {
            chain = new Chain(mib, increments);
            image = chain.open();
        }

        private long address(int i, int of) {
            return chain.space.filled.address(i * (Math.min(span, mib) * FilledSpace.MIB / of));
        }

        AddressSpace load() throws IOException {
            AddressSpace made = image.load(chain.space.filled.machine.space(FilledSpace.GEOMETRY));
            space = made;
            return made;
        }

        /** Closes the space. */
        @TearDown(Level.Invocation)
        public void closeSpace() {
            if (space != null) {
                space.close();
                space = null;
            }
        }

        /**
         * Closes the image, and deletes the files.
         *
         * @throws IOException if one cannot be deleted
         */
        @TearDown(Level.Trial)
        public void tearDown() throws IOException {
            image.close();
            chain.space.end();
        }
    }

    private static void check(int fault) {
        if (fault != Fault.NONE) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    /**
     * Loads a space, reads 40 pages, and writes 10 of them.
     *
     * @param of the image
     * @throws IOException if the file changed
     */
    @Benchmark
    @About("a new space of an image, in which 40 pages are read and 10 written, without its end")
    public void newSpace(Loaded of) throws IOException {
        try (Guest guest = of.load().enter()) {
            for (int i = 0; i < Loaded.READ; i++) {
                check(guest.memory().load(of.address(i, Loaded.READ), Long.BYTES));
            }
            for (int i = 0; i < Loaded.WRITTEN; i++) {
                check(guest.memory().store(of.address(i, Loaded.WRITTEN), Long.BYTES, i));
            }
        }
    }
}
