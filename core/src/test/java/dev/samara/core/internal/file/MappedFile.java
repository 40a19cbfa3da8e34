// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.tlb.BarePageTable;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.FileLink;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;

/** A page cache of a machine's memory, and a page table whose mappings of it a test links and fills. */
final class MappedFile {
    static final long AT = 0x20_0000;
    static final long ELSEWHERE = 0x1000_0000;

    final FilePages file;
    final BarePageTable table;
    private final MachineMemory memory;
    private final int pages;
    private final OpenFile backing = OpenFile.named("/f").open();

    MappedFile(MachineMemory memory, int pages) {
        this.memory = memory;
        this.pages = pages;
        file = new FilePages(memory, pages * BarePageTable.PAGE, false);
        table = new BarePageTable(memory);
    }

    /** Links an attached mapping of the whole file. */
    FileLink link(long address, long flags) {
        return link(address, flags, 0, pages);
    }

    /** Links an attached mapping of a part of the file. */
    FileLink link(long address, long flags, long page, long count) {
        long rights = VmaFlags.READ | VmaFlags.WRITE;
        VmArea vma = VmArea.describe(
                address, address + count * BarePageTable.PAGE, rights | flags, page, backing, null, null);
        vma.attach(null, null);
        return file.link(vma, table.pages, true);
    }

    /** Maps the first pages of the file, shared and writable. */
    void map(int count) {
        link(AT, VmaFlags.SHARED);
        for (int page = 0; page < count; page++) {
            put(AT + page * BarePageTable.PAGE, Pte.present(file.frameFor(page), Pte.READ | Pte.WRITE));
        }
    }

    void put(long address, long pte) {
        assertTrue(table.put(address, pte));
    }

    /** Maps a private page where a mapping elsewhere maps a page of the file, and returns its frame. */
    int privateCopy(long page) {
        int copy = memory.frames.allocate(table.context.magazine);
        put(ELSEWHERE + page * BarePageTable.PAGE, Pte.present(copy, Pte.OWN | Pte.READ | Pte.WRITE));
        return copy;
    }
}
