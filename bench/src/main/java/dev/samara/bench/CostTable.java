// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.bench.report.Arguments;
import dev.samara.bench.report.Figures;
import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.guest.PageRun;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.maple.GapSearch;
import dev.samara.maple.MapleTree;
import dev.samara.maple.Snapshot;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;

/**
 * Measures what the time of each call grows with: each call at two sizes, of which the larger one is 16 times the
 * smaller one. {@code docs/tuning.md} lists the results.
 *
 * <p>{@code java -jar bench/target/samara-bench.jar costs --rounds 20 --only fork}. Each round creates a new machine or
 * tree. A figure is the minimum of the rounds, since other work on the machine only adds to a time. A ratio of 1 means
 * that the time does not depend on the size, 16 that it is proportional.
 */
public final class CostTable {
    private static final int GROWTH = 16;
    private static final int RW = READ | WRITE;
    private static final int PRIVATE = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long AT = 0x1_0000_0000L;
    private static final OpenOption[] CREATE = {
        StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE
    };

    /**
     * A row of the table.
     *
     * @param call the call
     * @param growsWith what its size counts
     * @param bound how its time grows, and what limits it
     * @param small the smaller size
     * @param work prepares the call
     */
    private record CostRow(String call, String growsWith, String bound, int small, CostWork work) {}

    /** Prepares a call, and returns it. */
    private interface CostWork {
        Runnable prepare(World world, int size);
    }

    private static final String CONSTANT = "constant";
    private static final String LOGARITHM = "logarithm";
    private static final String LINEAR = "proportional";
    private static final String BATCHES = "proportional, in batches";

    private static final List<CostRow> ROWS = List.of(
            // Address spaces.
            new CostRow("`mmap` without an address", "VMAs of the space", LOGARITHM, 1000, (world, size) -> {
                world.mapApart(size);
                return () -> world.require(world.space.mmap(0, PAGE, RW, PRIVATE, null, 0));
            }),
            new CostRow("`munmap` of one VMA", "VMAs of the space", LOGARITHM, 1000, (world, size) -> {
                world.mapApart(size);
                return () -> world.require(world.space.munmap(AT, PAGE));
            }),
            new CostRow("`munmap`", "VMAs of the range", LINEAR + ", one hold of the lock", 1000, (world, size) -> {
                world.mapApart(size);
                return () -> world.require(world.space.munmap(AT, 2L * size * PAGE));
            }),
            new CostRow("`munmap`", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                return () -> world.require(world.space.munmap(AT, size * PAGE));
            }),
            new CostRow("`munmap`", "length without pages", CONSTANT, 1024, (world, size) -> {
                world.require(world.space.mmap(AT, size * PAGE, RW, PRIVATE | Mman.NORESERVE, null, 0));
                return () -> world.require(world.space.munmap(AT, size * PAGE));
            }),
            new CostRow(
                    "`mprotect`, `mlock`, `madvise`, `msync`", "VMAs of the range", BATCHES, 1000, (world, size) -> {
                        world.mapAlternately(size);
                        return () -> world.require(world.space.mprotect(AT, size * PAGE, 0));
                    }),
            new CostRow("`mprotect` to fewer rights", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                return () -> world.require(world.space.mprotect(AT, size * PAGE, READ));
            }),
            new CostRow("`mremap` to another place", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
                return () -> world.require(world.space.mremap(AT, size * PAGE, size * PAGE, flags, AT << 4));
            }),
            new CostRow("`madvise(DONTNEED)`", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                return () -> world.require(world.space.madvise(AT, size * PAGE, Mman.DONTNEED));
            }),
            new CostRow(
                    "`mlock`, `madvise(POPULATE_WRITE)`",
                    "pages of the range",
                    LINEAR + ", interruptible",
                    512,
                    (world, size) -> {
                        world.require(world.space.mmap(AT, size * PAGE, RW, PRIVATE, null, 0));
                        return () -> world.require(world.space.madvise(AT, size * PAGE, Mman.POPULATE_WRITE));
                    }),
            new CostRow("`fork`", "VMAs of the space", LINEAR, 1000, (world, size) -> {
                world.mapApart(size);
                return () -> world.child = world.space.fork();
            }),
            new CostRow("`fork`", "private pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                return () -> world.child = world.space.fork();
            }),
            new CostRow("`close` of a space", "VMAs", LINEAR, 1000, (world, size) -> {
                world.mapApart(size);
                return world.space::close;
            }),
            new CostRow("`close` of a space", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                world.cpu.switchTo(null);
                return world.space::close;
            }),
            new CostRow("`AddressSpace.snapshot`", "VMAs of the space", CONSTANT, 1000, (world, size) -> {
                world.mapApart(size);
                return () -> world.kept = world.space.snapshot();
            }),
            new CostRow("`collectDirty`, `collectAccessed`", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                return () -> world.require(world.space.collectDirty(AT, size * PAGE, (LongConsumer) address -> {}));
            }),
            new CostRow("`watch`", "pages in memory", LINEAR, 512, (world, size) -> {
                world.touch(size);
                return () -> world.kept = world.space.watch(AT, size * PAGE, (address, length) -> {});
            }),
            new CostRow("`mincore`, `pagemapScan`, `smaps`", "page tables of the range", LINEAR, 512, (world, size) -> {
                world.touch(size);
                byte[] vector = new byte[size];
                return () -> world.require(world.space.mincore(AT, size * PAGE, vector));
            }),
            new CostRow("`enter` of a thread", "VMAs of the space", CONSTANT, 1000, (world, size) -> {
                world.mapApart(size);
                return () -> {
                    try (Guest guest = world.space.enter()) {
                        world.kept = guest.number();
                    }
                };
            }),
            new CostRow("`newSpace`", "spaces of the machine", CONSTANT, 64, (world, size) -> {
                for (int i = 0; i < size; i++) {
                    world.closers.add(world.machine.newSpace(Geometry.LINUX_X86_64));
                }
                return () -> world.closers.add(world.machine.newSpace(Geometry.LINUX_X86_64));
            }),
            // Memory.
            new CostRow("`pin`", "other pins", CONSTANT, 64, (world, size) -> {
                world.touch(size);
                for (int i = 0; i < size; i++) {
                    world.closers.add(Objects.requireNonNull(world.cpu.memory().pin(AT + i * PAGE, READ)));
                }
                return () -> world.closers.add(
                        Objects.requireNonNull(world.cpu.memory().pin(AT, READ)));
            }),
            new CostRow("`PageRun.seek`", "pages in memory", CONSTANT, 64, (world, size) -> {
                world.touch(size);
                PageRun run = world.cpu.memory().newRun();
                world.cpu.enterGuest();
                run.seek(AT, 8, READ);
                world.closers.add(world.cpu::leaveGuest);
                return () -> world.kept = run.seek(AT + PAGE, 8, READ);
            }),
            // Files in memory.
            new CostRow("`MemoryFile.punch`, `truncate`", "pages of the range in memory", LINEAR, 64, (world, size) -> {
                MemoryFile file = world.machine.newFile("memory", 1, Geometry.LINUX_X86_64, size * PAGE);
                world.closers.add(file);
                file.pwrite(ByteBuffer.allocate((int) (size * PAGE)), 0);
                return () -> world.require(file.punch(0, size * PAGE));
            }),
            // Files of the host.
            new CostRow("`openFile`", "open files", CONSTANT, 16, (world, size) -> {
                world.openMany(size);
                return () -> world.open("another");
            }),
            new CostRow("`HostFile.pread`, `pwrite`", "bytes", LINEAR, 4096, (world, size) -> {
                HostFile file = world.written(size);
                ByteBuffer target = ByteBuffer.allocate(size);
                return () -> world.require(file.pread(target.clear(), 0));
            }),
            new CostRow("`HostFile.grow`, a larger `truncate`", "bytes added", CONSTANT, 1 << 20, (world, size) -> {
                HostFile file = world.open("file");
                return () -> world.require(file.grow(size));
            }),
            new CostRow("`HostFile.truncate`", "pages in memory beyond the end", LINEAR, 16, (world, size) -> {
                HostFile file = world.written((int) (size * PAGE));
                return () -> world.require(file.truncate(0));
            }),
            new CostRow(
                    "`punch`, `madvise(REMOVE)` at the end of a host file",
                    "MiB, above 16",
                    CONSTANT,
                    32,
                    (world, size) -> {
                        HostFile file = world.open("file");
                        world.require(file.grow((long) size << 20));
                        return () -> world.require(file.punch(0, Long.MAX_VALUE));
                    }),
            new CostRow(
                    "`punch`, `madvise(REMOVE)` elsewhere",
                    "MiB of the range, holes too",
                    LINEAR + ", in parts, interruptible",
                    1,
                    (world, size) -> {
                        HostFile file = world.open("file");
                        world.require(file.grow((size + 1L) << 20));
                        return () -> world.require(file.punch(0, (long) size << 20));
                    }),
            new CostRow("`fsync`, `msync`", "dirty pages", LINEAR + ", one force", 16, (world, size) -> {
                HostFile file = world.written((int) (size * PAGE));
                return () -> world.require(file.fsync());
            }),
            new CostRow("`fsync` of a clean file", "pages in memory", LINEAR, 512, (world, size) -> {
                HostFile file = world.written((int) (size * PAGE));
                world.require(file.fsync());
                return () -> world.require(file.fsync());
            }),
            new CostRow("`Machine.sync`", "open files", LINEAR + ", a force for each", 16, (world, size) -> {
                world.openMany(size);
                return () -> world.require(world.machine.sync());
            }),
            new CostRow("`dirtyRanges`, `absentPages`", "pages in memory", LINEAR, 512, (world, size) -> {
                HostFile file = world.written((int) (size * PAGE));
                return () -> world.kept = file.dirtyRanges(0, Long.MAX_VALUE);
            }),
            new CostRow("a miss at `cacheLimit`", "pages that cannot be freed", CONSTANT, 64, (world, size) -> {
                HostFile file = world.keepBeside(size);
                return () -> world.readPage(file, 2L * size + 1200);
            }),
            new CostRow("`msync(ASYNC)`", "pages", CONSTANT, 64, (world, size) -> {
                world.touch(size);
                return () -> world.require(world.space.msync(AT, size * PAGE, Mman.ASYNC));
            }),
            // The range tree.
            new CostRow("`MapleTree.get`, `store`, `erase` of one range", "entries", LOGARITHM, 1000, (world, size) -> {
                MapleTree<Integer> tree = tree(size);
                return () -> tree.store(3, 3, 1);
            }),
            new CostRow(
                    "`MapleTree.clear`, `erase` or `store` of a range",
                    "entries of the range",
                    LOGARITHM,
                    1000,
                    (world, size) -> {
                        MapleTree<Integer> tree = tree(size);
                        return tree::clear;
                    }),
            new CostRow("`MapleTree.storeLowest`, `storeHighest`", "entries", LOGARITHM, 1000, (world, size) -> {
                MapleTree<Integer> tree = tree(size);
                GapSearch search = new GapSearch().size(2);
                return () -> world.kept = tree.storeLowest(search, 1);
            }),
            new CostRow("`MapleTree.snapshot`", "entries", CONSTANT, 1000, (world, size) -> {
                MapleTree<Integer> tree = tree(size);
                return () -> world.kept = tree.snapshot();
            }),
            new CostRow("`Snapshot.equals`, `forEach`, `count`", "entries", LINEAR, 1000, (world, size) -> {
                Snapshot<Integer> one = tree(size).snapshot();
                Snapshot<Integer> other = tree(size).snapshot();
                return () -> world.kept = one.equals(other);
            }),
            new CostRow("`MapleTree.validate`", "entries", LINEAR, 1000, (world, size) -> {
                MapleTree<Integer> tree = tree(size);
                return tree::validate;
            }));

    private static MapleTree<Integer> tree(int size) {
        MapleTree<Integer> tree = new MapleTree<>();
        for (int i = 0; i < size; i++) {
            tree.store(2L * i, 2L * i, i);
        }
        return tree;
    }

    /** What a call works on. */
    private static final class World implements AutoCloseable {
        private final Path folder;
        private final Machine machine;
        private final AddressSpace space;
        private final Cpu cpu;
        private final List<AutoCloseable> closers = new ArrayList<>();
        private Object kept = this;
        private AddressSpace child;

        World(Path folder, long limit) {
            this.folder = folder;
            machine = Machine.builder()
                    .memory(64 << 20)
                    .cacheLimit(limit)
                    .forceOnClose(false)
                    .build();
            space = machine.newSpace(Geometry.LINUX_X86_64);
            child = space;
            cpu = machine.claimCpu();
        }

        void require(long result) {
            if (Errno.isError(result)) {
                throw new IllegalStateException("a call returned " + Errno.of(result));
            }
        }

        /** Maps pages with a hole after each. */
        void mapApart(int count) {
            int flags = PRIVATE | Mman.FIXED;
            for (int i = 0; i < count; i++) {
                require(space.mmap(AT + 2L * i * PAGE, PAGE, RW, flags, null, 0));
            }
        }

        /** Maps pages with alternating rights. */
        void mapAlternately(int count) {
            require(space.mmap(AT, count * PAGE, READ, PRIVATE | Mman.FIXED, null, 0));
            for (int i = 0; i < count; i += 2) {
                require(space.mprotect(AT + i * PAGE, PAGE, RW));
            }
        }

        /** Maps pages and writes to each. */
        void touch(int count) {
            require(space.mmap(AT, count * PAGE, RW, PRIVATE | Mman.FIXED, null, 0));
            cpu.switchTo(space);
            for (int i = 0; i < count; i++) {
                int fault = cpu.memory().store(AT + i * PAGE, 8, i);
                if (fault != Fault.NONE) {
                    throw new IllegalStateException("a store failed: " + Fault.toString(fault));
                }
            }
        }

        HostFile open(String name) {
            HostFile file = machine.openFile(folder.resolve(name), Geometry.LINUX_X86_64, CREATE);
            closers.add(file);
            return file;
        }

        void openMany(int count) {
            for (int i = 0; i < count; i++) {
                open("many" + i).pwrite(ByteBuffer.allocate(1), 0);
            }
        }

        /** Opens a file with a number of bytes, whose pages are in memory and dirty. */
        HostFile written(int bytes) {
            HostFile file = open("file");
            require(file.pwrite(ByteBuffer.allocate(bytes), 0));
            return file;
        }

        void readPage(HostFile file, long page) {
            require(file.pread(ByteBuffer.allocate(1), page * PAGE));
        }

        /** Locks a number of pages of a file, and reads others until the limit is reached. */
        HostFile keepBeside(int count) {
            HostFile file = open("file");
            require(file.grow((2L * count + 2000) * PAGE));
            require(space.mmap(AT, count * PAGE, READ, Mman.SHARED | Mman.FIXED, file, 0));
            require(space.mlock(AT, count * PAGE));
            for (int i = 0; i < count + 500; i++) {
                readPage(file, count + 300L + i);
            }
            return file;
        }

        @Override
        public void close() {
            Collections.reverse(closers);
            for (AutoCloseable closer : closers) {
                try {
                    closer.close();
                } catch (Exception failed) {
                    throw new IllegalStateException(failed);
                }
            }
            cpu.close();
            if (child != space) {
                child.close();
            }
            space.close();
            machine.close();
        }
    }

    private final List<CostRow> rows;
    private final int rounds;

    private CostTable(String[] words) {
        Arguments arguments = new Arguments(words);
        String only = arguments.text("--only", "");
        rounds = arguments.count("--rounds", 1, 10);
        arguments.check();
        rows = ROWS.stream().filter(row -> row.call.contains(only)).toList();
    }

    /**
     * Measures and prints.
     *
     * @param arguments the options in the class comment; {@code --only} is a part of the call
     * @throws IOException if there is no temporary folder
     */
    public static void main(String[] arguments) throws IOException {
        new CostTable(arguments).run();
    }

    private void run() throws IOException {
        Path folder = Files.createTempDirectory("costs");
        try {
            Figures.line("| call | grows with the number of | time | smaller size | ratio |");
            Figures.line("|---|---|---|---|---|");
            for (CostRow row : rows) {
                double small = measure(row, row.small, folder);
                double large = measure(row, row.small * GROWTH, folder);
                Figures.line(
                        "| %s | %s | %s | %,d | %.1f |", row.call, row.growsWith, row.bound, row.small, large / small);
            }
        } finally {
            delete(folder);
        }
    }

    private double measure(CostRow row, int size, Path folder) {
        // A limit just above the pages that a miss finds unable to be freed.
        boolean isLimited = row.call.contains("cacheLimit");
        long limit = isLimited ? (size + 300L) * PAGE : 48 << 20;
        long least = Long.MAX_VALUE;
        // As many rounds come first, to warm up the compiler.
        for (int round = -rounds; round < rounds; round++) {
            try (World world = new World(folder, limit)) {
                Runnable call = row.work.prepare(world, size);
                long began = System.nanoTime();
                call.run();
                long took = System.nanoTime() - began;
                least = round < 0 ? least : Math.min(least, took);
            }
            deleteFiles(folder);
        }
        return least;
    }

    private static void deleteFiles(Path folder) {
        try (var files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    private static void delete(Path folder) throws IOException {
        deleteFiles(folder);
        Files.delete(folder);
    }
}
