// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.Mman;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compares the constants of ProtectionMap with the tables of Linux that they cite. */
final class ProtectionMapTest {
    /** The requested rights in numerical order, which is the order of the first half of protection_map. */
    private static final String WANTED = "--- r-- -w- rw- --x r-x -wx rwx";

    private static String text(int rights) {
        return ((rights & Mman.READ) != 0 ? "r" : "-")
                + ((rights & Mman.WRITE) != 0 ? "w" : "-")
                + ((rights & Mman.EXEC) != 0 ? "x" : "-");
    }

    /**
     * The second half of each protection_map, which is for shared mappings and equals the rights of private mappings
     * after the first write; or, if the entries do not determine the rights, what the fault handler permits.
     */
    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource({
        // arch/x86/mm/pgprot.c
        "X86,                  --- r-- rw- rw- r-x r-x rwx rwx",
        // arch/x86/mm/pgprot.c, with _PAGE_NX of 0
        "X86_WITHOUT_NX,       --- r-x rwx rwx r-x r-x rwx rwx",
        // arch/arm64/mm/mmap.c, after adjust_protection_map
        "AARCH64,              --- r-- rw- rw- --x r-x rwx rwx",
        // arch/arm64/mm/mmap.c
        "AARCH64_WITHOUT_EPAN, --- r-- rw- rw- r-x r-x rwx rwx",
        // arch/riscv/mm/init.c
        "RISCV,                --- r-- rw- rw- --x r-x rwx rwx",
        // arch/mips/mm/cache.c, cpu_has_rixi
        "MIPS,                 --- r-- -w- rw- r-x r-x rwx rwx",
        // arch/mips/mm/fault.c without cpu_has_rixi, and early tables of arch/mips/mm/cache.c
        "MIPS_WITHOUT_RIXI,    --- r-x rwx rwx r-x r-x rwx rwx",
        // arch/powerpc/mm/pgtable.c
        "POWERPC,              --- r-- rw- rw- --x r-x rwx rwx",
        // arch/powerpc/mm/fault.c without CPU_FTR_NOEXECUTE
        "POWERPC_WITHOUT_NX,   --- r-x rwx rwx --x r-x rwx rwx",
        "EXECUTE_ONLY,         --- r-- rw- rw- --x r-x rwx rwx"
    })
    @DisplayName("all protections have the rights of the kernel's table")
    void rights(String name, String table) throws ReflectiveOperationException {
        ProtectionMap map = (ProtectionMap) ProtectionMap.class.getField(name).get(null);
        StringBuilder wanted = new StringBuilder();
        StringBuilder found = new StringBuilder();
        for (int protection = 0; protection < 8; protection++) {
            wanted.append(wanted.isEmpty() ? "" : " ").append(text(protection));
            found.append(found.isEmpty() ? "" : " ").append(text(map.rights(protection)));
            for (int access = 0; access < 8; access++) {
                assertEquals((map.rights(protection) & access) == access, map.permits(protection, access));
            }
            int more = protection | Mman.SEM | Mman.PROT_GROWSDOWN;
            assertEquals(map.rights(protection), map.rights(more), "other bits are ignored");
            assertTrue(map.permits(more, map.rights(more) | Mman.SEM), "other bits are ignored");
        }
        assertEquals(WANTED, wanted.toString());
        assertEquals(table, found.toString());
    }

    @ParameterizedTest
    @CsvSource({
        "LINUX_X86_64, X86",
        "LINUX_X86_64_LA57, X86",
        "LINUX_X86_32, X86",
        "LINUX_AARCH64_4K, AARCH64",
        "LINUX_AARCH64_16K, AARCH64",
        "LINUX_AARCH64_64K, AARCH64",
        "LINUX_RISCV_SV32, RISCV",
        "LINUX_RISCV_SV39, RISCV",
        "LINUX_RISCV_SV48, RISCV",
        "LINUX_RISCV_SV57, RISCV",
        "LINUX_MIPS32, MIPS",
        "LINUX_PPC32, POWERPC",
        "LINUX_PPC64_64K, POWERPC"
    })
    @DisplayName("each architecture of Linux has its map")
    void geometries(String geometry, String map) throws ReflectiveOperationException {
        assertEquals(
                ProtectionMap.class.getField(map).get(null),
                ((Geometry) Geometry.class.getField(geometry).get(null)).protectionMap());
    }

    @Test
    @DisplayName("a geometry without a map has that of x86, and another one if it is given")
    void ofGeometry() {
        Geometry bare = new Geometry(12, 2, 15, 0x1000, 0x60000, 0x70000);
        assertEquals(ProtectionMap.X86, bare.protectionMap());
        assertEquals(ProtectionMap.X86, Geometry.flat(32).protectionMap());
        assertEquals(
                new Geometry(12, 2, 15, 0x1000, 0x60000, 0x70000, ProtectionMap.MIPS),
                bare.withProtectionMap(ProtectionMap.MIPS));
    }

    @Test
    @DisplayName("are named by what a protection alone permits")
    void text() {
        assertEquals("-w- is -w-, --x is r-x, r-- is r--", ProtectionMap.MIPS.toString());
        assertEquals("-w- is rwx, --x is r-x, r-- is r-x", ProtectionMap.X86_WITHOUT_NX.toString());
        assertEquals("-w- is rwx, --x is --x, r-- is r-x", ProtectionMap.POWERPC_WITHOUT_NX.toString());
    }
}
