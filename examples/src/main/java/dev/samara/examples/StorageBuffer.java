// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static dev.samara.core.mman.Protection.READ;
import static dev.samara.core.mman.Protection.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The buffer of a storage engine: a file of 256 pages, of which 32 may be in memory. Records are updated in place
 * through a mapping, pages are read and evicted as needed, and a checkpoint is an {@code msync}.
 */
public final class StorageBuffer {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final int PAGES = 256;

    private final AddressSpace space;
    private final GuestMemory memory;
    private final long base;

    private StorageBuffer(AddressSpace space, Cpu cpu, HostFile file) {
        this.space = space;
        memory = cpu.memory();
        base = space.throwing().mmap(0, PAGES * PAGE, READ | WRITE, MapFlags.SHARED, file, 0);
    }

    private long get(int page) {
        check(memory.load(base + page * PAGE, Long.BYTES));
        return memory.value();
    }

    private void put(int page, long value) {
        check(memory.store(base + page * PAGE, Long.BYTES, value));
    }

    /** SIGBUS: the page cannot be read, or lies beyond the end. */
    private static void check(int fault) {
        if (fault != Fault.NONE) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    /** What was put before is on the device when this returns; ENOSPC and EIO are told here, and can be tried again. */
    private void checkpoint() {
        space.throwing().msync(base, PAGES * PAGE, SyncFlags.SYNC);
    }

    /**
     * Fills a file, and reads it back by another open.
     *
     * @param arguments none
     * @throws IOException if there is no place for a temporary file
     */
    public static void main(String[] arguments) throws IOException {
        Path path = Files.createTempFile("records", ".db");
        Machine machine =
                Machine.builder().memory(1 << 22).cacheLimit(32 * PAGE).build();
        try (AddressSpace space = machine.newSpace(GEOMETRY);
                Cpu cpu = machine.claimCpu();
                HostFile file = machine.openFile(path, GEOMETRY, StandardOpenOption.WRITE)) {
            cpu.switchTo(space);
            file.truncate(PAGES * PAGE);
            StorageBuffer buffer = new StorageBuffer(space, cpu, file);
            for (int page = 0; page < PAGES; page++) {
                buffer.put(page, 3L * page);
            }
            buffer.checkpoint();
            System.out.println("checkpoint: " + Files.size(path) / PAGE + " pages in the file");
            long sum = 0;
            for (int page = 0; page < PAGES; page++) {
                sum += buffer.get(page);
            }
            System.out.println("sum of the records: " + sum);
            boolean isLimited = machine.statistics().framesInUse() < 2 * 32;
            System.out.println("pages in memory: " + (isLimited ? "within the limit" : "too many"));
        } finally {
            machine.close();
            Files.delete(path);
        }
    }
}
