// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.PageCache;
import dev.samara.tool.access.CpuPlan;
import dev.samara.tool.record.FileReport;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

final class TouchingTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final int ANONYMOUS = Mman.PRIVATE | Mman.ANONYMOUS;
    private static final int RW = Mman.READ | Mman.WRITE;

    private final FileReport report = new FileReport(Path.of("trace"));

    private static AddressSpace space(long frames) {
        return Machine.builder().memory(frames * PAGE).build().newSpace(GEOMETRY);
    }

    private static long frames(AddressSpace space) {
        return space.machine().statistics().framesInUse();
    }

    private List<String> differences() {
        return report.differences().stream()
                .map(difference -> difference.subject() + ": " + difference.kernel() + ", " + difference.samara())
                .toList();
    }

    @Test
    @DisplayName("every page of a small mapping, and both ends of a large one, are faulted in; PROT_NONE is not")
    void pages() {
        try (AddressSpace space = space(1000);
                Touching touching = new Touching(space, report, CpuPlan.ONE)) {
            space.throwing().mmap(0, 3 * PAGE, RW, ANONYMOUS, null, 0);
            space.throwing().mmap(0, 8 * PAGE, Mman.NONE, ANONYMOUS, null, 0);
            touching.everything(1);
            assertEquals(3, frames(space));
            long large = space.throwing().mmap(0, 500 * PAGE, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
            touching.around(large, 2);
            assertEquals(3 + Touching.MOST, frames(space));
            assertEquals(List.of(), differences());
        }
    }

    @Test
    @DisplayName("what one CPU has left unmapped or protected another finds so, and what one has written")
    void cpus() {
        try (AddressSpace space = space(1000);
                Touching touching = new Touching(space, report, new CpuPlan(3, 1))) {
            long place = space.throwing().mmap(0, 30 * PAGE, RW, ANONYMOUS, null, 0);
            for (int round = 0; round < 10; round++) {
                touching.everything(round);
                space.throwing().mprotect(place + round * PAGE, PAGE, Mman.READ);
                touching.around(place + round * PAGE, round);
                space.throwing().munmap(place + round * PAGE, PAGE);
                touching.around(place + round * PAGE, round);
                assertEquals(29 - round, frames(space));
            }
            assertEquals(List.of(), differences());
        }
    }

    @Test
    @DisplayName("a range that an operation has changed is touched on both sides of its place")
    void neighbours() {
        try (AddressSpace space = space(1000);
                Touching touching = new Touching(space, report, CpuPlan.ONE)) {
            long place = space.throwing().mmap(0, 3 * PAGE, RW, ANONYMOUS, null, 0);
            space.throwing().mprotect(place + PAGE, PAGE, Mman.WRITE);
            touching.around(place + PAGE, 1);
            assertEquals(3, frames(space));
        }
    }

    @Test
    @DisplayName("beyond the end of a file a SIGBUS is expected, before it a page is")
    void files() {
        try (AddressSpace space = space(1000);
                Touching touching = new Touching(space, report, CpuPlan.ONE)) {
            PageCache pages = space.machine().newPageCache(GEOMETRY, PAGE + 1);
            TracedFile file = new TracedFile(OpenFile.named("/file").open(), pages);
            space.throwing().mmap(0, 4 * PAGE, RW, Mman.SHARED, file, 0);
            touching.everything(1);
            assertEquals(2, frames(space));
            assertEquals(List.of(), differences());
        }
    }

    @Test
    @DisplayName("a fault that ends otherwise is a difference")
    void differs() {
        try (AddressSpace space = space(2);
                Touching touching = new Touching(space, report, CpuPlan.ONE)) {
            space.throwing().mmap(0x10000, 4 * PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0);
            touching.everything(9);
            assertEquals(List.of("touch of 0x12000: a page, OUT_OF_MEMORY"), differences());
        }
    }
}
