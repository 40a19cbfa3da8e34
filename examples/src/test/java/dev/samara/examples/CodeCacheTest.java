// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class CodeCacheTest {
    @Test
    @DisplayName("decoded code is dropped by a store into it, by mprotect and by munmap, and by nothing else")
    void prints() throws Exception {
        assertEquals(
                List.of(
                        "First: block 1 decoded, block 2 decoded",
                        "Again: block 1 as decoded before, block 2 as decoded before",
                        "After a store into the first: block 3 decoded, block 2 as decoded before",
                        "After another CPU's into the second: block 3 as decoded before, block 4 decoded",
                        "After mprotect of the second: block 3 as decoded before, SEGV_ACCERR",
                        "After munmap of the first: SEGV_MAPERR"),
                Printed.by(() -> CodeCache.main(new String[0])));
    }

    @Test
    @DisplayName(
            "a CPU drops what another CPU has written and another thread has unmapped or protected, wherever it was"
                    + " decoded")
    void byOthers() throws Exception {
        Machine machine = Machine.builder().memory(1 << 20).build();
        Geometry geometry = Geometry.LINUX_X86_64;
        long page = geometry.pageSize();
        int all = Mman.READ | Mman.WRITE | Mman.EXEC;
        ExecutorService other = Executors.newSingleThreadExecutor();
        try (AddressSpace space = machine.newSpace(geometry);
                Cpu cpu = machine.claimCpu()) {
            long code = space.mmap(0, 2 * page, all, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
            CodeCache.CodePages pages = new CodeCache.CodePages(space);
            CodeCache cache = new CodeCache(pages, cpu);
            Cpu second = other.submit(machine::claimCpu).get();
            CodeCache its = other.submit(() -> new CodeCache(pages, second)).get();
            for (int round = 1; round < 5; round++) {
                long number = round;
                other.submit(() -> second.memory().store(code + 8, 4, number)).get();
                other.submit(() -> second.memory().getAndAdd(code, 8, 1)).get();
                assertEquals("block " + round + " decoded", cache.run(code));
                assertEquals("block " + round + " as decoded before", cache.run(code));
                assertEquals(
                        "block " + round + " decoded",
                        other.submit(() -> its.run(code)).get());
                assertEquals(
                        "block " + round + " as decoded before",
                        other.submit(() -> its.run(code)).get());
                assertEquals(0, space.collectAccessed(code + page, page, address -> {}));
                assertEquals("block " + round + " as decoded before", cache.run(code));
            }
            cpu.memory().store(code + 16, 8, 1);
            assertEquals("block 4 decoded", other.submit(() -> its.run(code)).get());
            assertEquals("block 4 decoded", cache.run(code));
            other.submit(() -> space.mprotect(code, page, Mman.READ)).get();
            assertEquals("SEGV_ACCERR", cache.run(code));
            assertEquals("SEGV_ACCERR", other.submit(() -> its.run(code)).get());
            other.submit(() -> space.mprotect(code, page, all)).get();
            assertEquals("block 4 decoded", cache.run(code));
            other.submit(() -> space.munmap(code, page)).get();
            assertEquals("SEGV_MAPERR", cache.run(code));
            assertEquals("SEGV_MAPERR", other.submit(() -> its.run(code)).get());
            other.submit(second::close).get();
        } finally {
            other.shutdown();
        }
    }
}
