// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Random;

/**
 * Writes a file through mappings of three spaces until it is killed, and prints what {@code msync} saved. A fourth
 * thread writes pages by calls, and prints what {@code fsync} saved. Beyond these pages, that thread also truncates,
 * extends, punches and writes the file, and stores to it through a mapping. Pages are evicted and written back in the
 * meantime.
 */
final class KilledWriter {
    static final int SPACES = 3;

    /** The number of pages of each space. The two numbers of a page are equal whenever the page is saved. */
    static final int PAGES = 8;

    /** The number of pages that are written by calls; they follow the pages of the spaces. */
    static final int WRITTEN = 4;

    /** The number of pages with two numbers. */
    static final int NUMBERED = SPACES * PAGES + WRITTEN;

    private KilledWriter() {}

    public static void main(String[] arguments) {
        Path path = Path.of(arguments[0]);
        long seed = Long.parseLong(arguments[1]);
        Machine machine = Machine.builder()
                .memory(256 * PAGE)
                .cacheLimit(24 * PAGE)
                .writeBackEvery(Duration.ofMillis(20))
                .build();
        for (int i = 0; i < SPACES; i++) {
            int space = i;
            new Thread(() -> write(machine, path, space, seed + space)).start();
        }
        change(machine, path, new Random(seed));
    }

    private static void change(Machine machine, Path path, Random random) {
        HostFile file = machine.openFile(path, GEOMETRY, StandardOpenOption.WRITE);
        AddressSpace space = machine.newSpace(GEOMETRY);
        long end = NUMBERED * PAGE;
        try (Cpu cpu = machine.claimCpu();
                FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
            cpu.switchTo(space);
            int rights = Mman.READ | Mman.WRITE;
            long at = space.mmap(0, 8 * PAGE, rights, Mman.SHARED, file, end);
            for (long round = 1; ; round++) {
                int page = SPACES * PAGES + random.nextInt(WRITTEN);
                ByteBuffer bytes = ByteBuffer.allocate((int) PAGE).order(ByteOrder.LITTLE_ENDIAN);
                bytes.putLong(0, round).putLong((int) PAGE - 8, round);
                check(file.pwrite(bytes, page * PAGE) - PAGE);
                file.truncate(end + random.nextInt(8) * PAGE + random.nextInt(100));
                // The store may be beyond end of file.
                cpu.memory().store(at + random.nextInt(8) * PAGE, 8, round);
                file.pwrite(ByteBuffer.allocate(random.nextInt(3 * (int) PAGE)), end + random.nextInt(4 * (int) PAGE));
                file.punch(end + random.nextInt(4 * (int) PAGE), 2 * PAGE);
                check(file.fsync());
                promise(out, page, round);
            }
        } catch (IOException gone) {
            throw new IllegalStateException(gone);
        }
    }

    /** Prints a promise with one write, so the output contains the whole line or nothing of it. */
    private static void promise(FileOutputStream out, int page, long round) throws IOException {
        out.write(("promised " + page + " " + round + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private static void write(Machine machine, Path path, int number, long seed) {
        HostFile file = machine.openFile(path, GEOMETRY, StandardOpenOption.WRITE);
        AddressSpace space = machine.newSpace(GEOMETRY);
        Random random = new Random(seed);
        try (Cpu cpu = machine.claimCpu();
                FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
            cpu.switchTo(space);
            long length = PAGES * PAGE;
            int rights = Mman.READ | Mman.WRITE;
            long at = space.mmap(0, length, rights, Mman.SHARED, file, number * length);
            for (long round = 1; ; round++) {
                int page = random.nextInt(PAGES);
                store(cpu, at + page * PAGE, round);
                store(cpu, at + page * PAGE + PAGE - 8, round);
                if (random.nextInt(4) == 0) {
                    check(space.msync(at + page * PAGE, PAGE, Mman.SYNC));
                    promise(out, number * PAGES + page, round);
                }
            }
        } catch (IOException gone) {
            throw new IllegalStateException(gone);
        }
    }

    private static void store(Cpu cpu, long address, long value) {
        check(cpu.memory().store(address, 8, value) - Fault.NONE);
    }

    private static void check(long result) {
        if (result != 0) {
            throw new IllegalStateException("result " + result);
        }
    }
}
