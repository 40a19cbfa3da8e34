// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A file of the host that is written here, and one that is written by mappings of the host's kernel,")
@Tag("comparison")
final class HostFileKernelTest extends HostFileFixture {
    private static final int MOST = 24;
    private static final int SPACES = 3;
    private static final int STEPS = 4_000;

    private final Random random = new Random(Long.getLong("samara.seed", 11));
    private final MappedSpace[] spaces = new MappedSpace[SPACES];

    HostFileKernelTest() {
        super(Machine.builder()
                .memory(512 * PAGE)
                .cacheLimit(16 * PAGE)
                .poisonFrames(true)
                .writeBackEvery(Duration.ZERO));
    }

    /** A space with the file, shared and private. */
    private static final class MappedSpace implements AutoCloseable {
        final AddressSpace space;
        final long at;
        private final Cpu cpu;
        private final long copy;

        MappedSpace(Machine machine, HostFile file) {
            space = machine.newSpace(GEOMETRY);
            cpu = machine.claimCpu();
            cpu.switchTo(space);
            at = space.mmap(0, MOST * PAGE, READ | WRITE, MapFlags.SHARED, file, 0);
            copy = space.mmap(0, MOST * PAGE, READ | WRITE, MapFlags.PRIVATE, file, 0);
        }

        void store(long address, long number) {
            assertEquals(Fault.NONE, cpu.memory().store(address, 8, number));
        }

        long load(long address) {
            assertEquals(Fault.NONE, cpu.memory().load(address, 8));
            return cpu.memory().value();
        }

        /** Writes a private copy, drops it, and returns what the file has there. */
        long loadBehindCopy(int offset, long number) {
            store(copy + offset, number);
            assertEquals(number, load(copy + offset));
            assertEquals(0, space.madvise(copy, MOST * PAGE, Advice.DONTNEED));
            return load(copy + offset);
        }

        @Override
        public void close() {
            cpu.close();
            space.close();
        }
    }

    @Test
    @DisplayName("have the same bytes after each save, and the same bytes are seen by three spaces and three mappings")
    void sameBytes() throws Exception {
        Path ours = write("ours", 8 * PAGE_BYTES);
        HostFile file = open(ours, RW);
        for (int i = 0; i < SPACES; i++) {
            spaces[i] = new MappedSpace(fixture.machine, file);
        }
        int holes = 0;
        try (KernelFile theirs = new KernelFile(write("theirs", 8 * PAGE_BYTES), SPACES)) {
            for (int step = 0; step < STEPS; step++) {
                assertEquals(theirs.size(), file.size());
                int what = random.nextInt(40);
                if (what < 10) {
                    holes += what < 2 ? 1 : 0;
                    change(what, file, theirs);
                } else if (what < 13) {
                    save(file, theirs, ours, step);
                } else {
                    access(what, file, theirs, step);
                }
            }
            assertTrue(holes > 50);
            theirs.reasons().forEach(reason -> System.out.println("the kernel's side: " + reason));
        }
        for (MappedSpace one : spaces) {
            one.close();
        }
        file.close();
    }

    private void change(int what, HostFile file, KernelFile theirs) throws IOException, InterruptedException {
        int size = (int) file.size();
        if (what < 2) {
            int offset = random.nextInt(size + PAGE_BYTES);
            int length = 1 + random.nextInt(3 * PAGE_BYTES);
            assertEquals(0, file.punch(offset, length));
            theirs.punch(offset, length);
        } else if (what < 5) {
            int bytes = 16 + random.nextInt(MOST * PAGE_BYTES - 16);
            assertEquals(0, file.truncate(bytes));
            theirs.truncate(bytes);
        } else {
            byte[] bytes = new byte[1 + random.nextInt(2 * PAGE_BYTES)];
            random.nextBytes(bytes);
            int to = Math.min(random.nextInt(size + PAGE_BYTES), MOST * PAGE_BYTES - bytes.length);
            assertEquals(bytes.length, file.pwrite(ByteBuffer.wrap(bytes), to));
            assertEquals(bytes.length, theirs.pwrite(bytes, to));
        }
    }

    private void save(HostFile file, KernelFile theirs, Path ours, int step) throws IOException {
        int by = random.nextInt(SPACES);
        MappedSpace saver = spaces[by];
        assertEquals(0, random.nextBoolean() ? file.fsync() : saver.space.msync(saver.at, MOST * PAGE, SyncFlags.SYNC));
        theirs.mapping(by).force();
        assertArrayEquals(theirs.bytes(), Files.readAllBytes(ours), "step " + step);
    }

    private void access(int what, HostFile file, KernelFile theirs, int step) {
        int by = random.nextInt(SPACES);
        MappedSpace one = spaces[by];
        int offset = random.nextInt((int) file.size() - 8) & -8;
        if (what < 15) {
            assertEquals(0, one.space.madvise(one.at + (offset & -PAGE), PAGE, Advice.DONTNEED));
        } else if (what < 18) {
            assertEquals(theirs.mapping(by).getLong(offset), one.loadBehindCopy(offset, step));
        } else if (what < 26) {
            assertEquals(theirs.mapping(by).getLong(offset), one.load(one.at + offset));
        } else {
            one.store(one.at + offset, step);
            theirs.mapping(by).putLong(offset, step);
        }
    }
}
