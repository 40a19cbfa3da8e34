// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.PageCache;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFileCount;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The count of open files")
final class OpenFileCountTest {
    private static final long PAGE = 4096;

    private final OpenFileCount files = new OpenFileCount(2);

    @Test
    @DisplayName("refuses the file beyond the limit, until one is closed")
    void refuses() {
        assertTrue(files.add());
        assertTrue(files.add());
        assertFalse(files.add());
        files.remove(null);
        assertTrue(files.add());
    }

    @Test
    @DisplayName("has a closed file until its last mapping is gone, once for several opens")
    void countsMapped() {
        try (Machine machine = Machine.builder().memory(1 << 20).build();
                MemoryFile file = machine.newFile("file", 1, ProgramLoader.GEOMETRY, PAGE);
                AddressSpace space = machine.newSpace(ProgramLoader.GEOMETRY)) {
            Backing open = file.open();
            PageCache pages = Objects.requireNonNull(open.pageCache());
            long at = space.mmap(0, PAGE, Mman.READ, Mman.SHARED, open, 0);
            assertTrue(files.add());
            assertTrue(files.add());
            files.remove(pages);
            files.remove(pages);
            assertTrue(files.add());
            assertFalse(files.add(), "the mapped file is the second one");
            assertEquals(0, space.munmap(at, PAGE));
            assertTrue(files.add());
        }
    }
}
