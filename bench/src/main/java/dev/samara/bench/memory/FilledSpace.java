// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.memory;

import static dev.samara.core.mman.Mman.ANONYMOUS;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.PRIVATE;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;

/** A space of private mappings, with pages that a CPU wrote. The machine has memory for all of them twice. */
final class FilledSpace {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    static final long PAGE = GEOMETRY.pageSize();

    /** The pages of a mebibyte. */
    static final int MIB = (int) ((1 << 20) / PAGE);

    private static final long BASE = 1L << 32;
    private static final long FOR_CPUS = 64L << 20;

    final Machine machine;
    final Cpu cpu;
    final AddressSpace space;
    final int present;
    private final int pagesOfMapping;

    /**
     * Creates the space, and writes its pages. The CPU is in no space afterwards.
     *
     * @param mappings the number of mappings
     * @param present the number of written pages, which the mappings divide, each but the last ones evenly
     */
    FilledSpace(int mappings, int present) {
        this.present = present;
        pagesOfMapping = (present + mappings - 1) / mappings;
        machine = Machine.builder().memory(2L * present * PAGE + FOR_CPUS).build();
        cpu = machine.claimCpu();
        space = machine.newSpace(GEOMETRY);
        cpu.switchTo(space);
        for (int i = 0; i < mappings; i++) {
            int flags = PRIVATE | ANONYMOUS | FIXED;
            space.throwing().mmap(start(i), length(), READ | WRITE, flags, null, 0);
        }
        for (int page = 0; page < present; page++) {
            store(address(page), page);
        }
        cpu.switchTo(null);
    }

    /** Returns the first address of a mapping. */
    long start(int mapping) {
        return address(mapping * pagesOfMapping);
    }

    /** Returns the bytes of a mapping. */
    long length() {
        return pagesOfMapping * PAGE;
    }

    /** Returns the address of a page. A hole follows each mapping. */
    long address(int page) {
        return BASE + (page + page / pagesOfMapping) * PAGE;
    }

    /** Returns the address of one of some pages that are spread over all mappings. */
    long picked(int i, int of) {
        return address(i * (present / of));
    }

    /** Stores to a page of the space in which the CPU is. */
    void store(long address, long number) {
        int fault = cpu.memory().store(address, Long.BYTES, number);
        if (fault != Fault.NONE) {
            throw new IllegalStateException(Fault.toString(fault));
        }
    }

    /** Stores to some pages that are spread over all mappings. */
    void storeTo(int pages, long number) {
        for (int i = 0; i < pages; i++) {
            store(picked(i, pages), number);
        }
    }

    /** Closes the machine. */
    void close() {
        cpu.close();
        space.close();
        machine.close();
    }
}
