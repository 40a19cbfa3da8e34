// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.mman.Mman;

/**
 * Determines which accesses memory of each protection permits ({@code protection_map} and {@code vm_get_page_prot}). An
 * architecture may permit more than a program asks for, because its page table entries cannot express less.
 *
 * <p>A {@link Geometry} contains the map of its spaces. A fault installs page table entries with these rights, and
 * refuses an access that the map does not permit with {@link dev.samara.core.mman.Fault#ACCERR}. A TLB entry has the
 * same rights as its page table entry. So an access that hits the TLB costs the same with every map.
 *
 * <p><b>Write-only memory.</b> A store hits the TLB only if the page table entry also permits reads, so that no atomic
 * update reads memory that must not be read. With a map such as {@link #MIPS}, stores to write-only memory therefore
 * always miss. If {@code mprotect} makes such memory readable, stores to an already written page still miss until the
 * first load or atomic update of the page.
 *
 * <p><b>System calls.</b> {@link VmaFlags} are the same with every map: the rights that the program requested. The
 * results of calls that do not access the memory of the space are also the same. Calls that access it, such as {@link
 * dev.samara.core.AddressSpace#read} and the calls of {@link dev.samara.core.guest.FutexTable}, fail where the map
 * forbids the access.
 *
 * <p><b>Constants.</b> They are the tables of Linux; each constant names its source. Two constants with the same rights
 * are equal. They do not model protection keys: on x86-64 hardware with such keys, Linux makes memory that is mapped
 * with {@link Mman#EXEC} alone unreadable by a key ({@code execute_only_pkey} in {@code arch/x86/mm/pkeys.c}).
 * {@link #EXECUTE_ONLY} has these rights. Linux refuses a load with the code {@code SEGV_PKUERR}, this library with
 * ACCERR.
 *
 * @param writeImpliesRead whether memory that may be written may be read
 * @param executeImpliesRead whether memory that may be executed may be read; if not, there is execute-only memory
 * @param readImpliesExecute whether memory that may be read may be executed, because the entries have no bit that
 *     forbids it
 */
public record ProtectionMap(boolean writeImpliesRead, boolean executeImpliesRead, boolean readImpliesExecute) {
    /** The bits that are rights. The protection of {@code mmap} also has other bits, such as {@link Mman#SEM}. */
    private static final int RIGHTS = Mman.READ | Mman.WRITE | Mman.EXEC;

    /**
     * x86-64, and x86-32 with PAE: every present page may be read, and the bit XD forbids fetches ({@code
     * arch/x86/mm/pgprot.c}; Intel SDM, volume 3A, "Access Rights").
     */
    public static final ProtectionMap X86 = new ProtectionMap(true, true, false);

    /**
     * x86-32 with page table entries of 32 bits, which have no bit XD ({@code _PAGE_NX} is 0 in {@code
     * arch/x86/include/asm/pgtable_types.h}): memory that may be accessed at all may be read and executed.
     */
    public static final ProtectionMap X86_WITHOUT_NX = new ProtectionMap(true, true, true);

    /**
     * Memory that is mapped with EXEC alone may only be executed, and memory that may be written may be read: the
     * common part of {@link #AARCH64}, {@link #RISCV} and {@link #POWERPC}.
     */
    public static final ProtectionMap EXECUTE_ONLY = new ProtectionMap(true, false, false);

    /**
     * AArch64 with Enhanced PAN ({@code FEAT_PAN3}): EXEC alone is {@code PAGE_EXECONLY} ({@code adjust_protection_map}
     * in {@code arch/arm64/mm/mmap.c}). No page can be write-only (Arm ARM, D8, "Stage 1 data accesses", AP[1] and
     * UXN).
     */
    public static final ProtectionMap AARCH64 = EXECUTE_ONLY;

    /**
     * AArch64 without Enhanced PAN: EXEC alone is {@code PAGE_READONLY_EXEC} ({@code protection_map} in {@code
     * arch/arm64/mm/mmap.c}; {@code do_page_fault} in {@code arch/arm64/mm/fault.c}, "If EPAN is absent then exec
     * implies read").
     */
    public static final ProtectionMap AARCH64_WITHOUT_EPAN = new ProtectionMap(true, true, false);

    /**
     * RISC-V: entries that permit writes but no reads are reserved (Privileged Architecture, "Encoding of PTE R/W/X
     * fields"), so memory that may be written may be read; EXEC alone is {@code PAGE_EXEC} ({@code
     * arch/riscv/mm/init.c}, and {@code access_error} in {@code arch/riscv/mm/fault.c}).
     */
    public static final ProtectionMap RISCV = EXECUTE_ONLY;

    /**
     * MIPS with the bits RI and XI, which Release 6 requires and earlier releases may have ({@code cpu_has_rixi} in
     * {@code arch/mips/include/asm/cpu-features.h}): memory that is mapped with WRITE alone may be written but not
     * read, because RI inhibits reads, and D permits writes (MIPS32 Privileged Resource Architecture, "EntryLo0,
     * EntryLo1"). Memory that may be executed may be read ({@code setup_protection_map} in {@code
     * arch/mips/mm/cache.c}). The fault handler ({@code arch/mips/mm/fault.c}) refuses a load from memory that is
     * mapped without READ as long as the page is not in the page table. If the memory may be executed, the processor
     * permits the load once the page is in the table; this library always permits it.
     */
    public static final ProtectionMap MIPS = new ProtectionMap(false, true, false);

    /**
     * MIPS without the bits RI and XI: memory that may be accessed at all may be read and executed. This follows the
     * fault handler, which checks only {@code vma_is_accessible} ({@code arch/mips/mm/fault.c}). The table of early
     * kernels agreed. Later kernels have one table for all processors, in which WRITE alone has {@code _PAGE_NO_READ}
     * ({@code setup_protection_map} in {@code arch/mips/mm/cache.c}), and the handler of TLB misses tests that bit even
     * without RI ({@code build_pte_present} in {@code arch/mips/mm/tlbex.c}). So on these kernels a load from such
     * memory faults although the fault handler permits it. This library permits the load.
     */
    public static final ProtectionMap MIPS_WITHOUT_RIXI = new ProtectionMap(true, true, true);

    /**
     * PowerPC, 64-bit with radix page tables, and 32-bit with a bit that forbids fetches: EXEC alone is {@code
     * PAGE_EXECONLY_X} ({@code arch/powerpc/mm/pgtable.c}, since Linux 6.7) or {@code PAGE_EXECONLY} ({@code
     * vm_get_page_prot} in {@code arch/powerpc/mm/book3s64/pgtable.c}), and the fault handler refuses its loads ({@code
     * access_error} in {@code arch/powerpc/mm/fault.c}). A right to write implies the right to read (Power ISA 3.1,
     * Book III, "Radix Tree Page Table Entry", encoded access authority). A hash table of 32-bit processors has no bit
     * that forbids reads, so on these processors a load succeeds once a fetch has put the page into the table. This
     * library always refuses the load.
     */
    public static final ProtectionMap POWERPC = EXECUTE_ONLY;

    /**
     * 32-bit PowerPC without a bit that forbids fetches, such as 604, 740, 750, 7400, 744x and 745x (processors without
     * {@code CPU_FTR_NOEXECUTE} in {@code arch/powerpc/include/asm/cputable.h}): memory that may be read or written may
     * also be executed ({@code access_error} in {@code arch/powerpc/mm/fault.c}, "Allow execution from readable
     * areas"). Otherwise like {@link #POWERPC}.
     */
    public static final ProtectionMap POWERPC_WITHOUT_NX = new ProtectionMap(true, false, true);

    /**
     * Returns the accesses that memory of a protection permits.
     *
     * @param protection {@code PROT_*} bits of {@link Mman}, as {@code mmap} takes them; other bits are ignored
     * @return READ, WRITE and EXEC of {@link Mman}, as far as permitted
     */
    public int rights(int protection) {
        int rights = protection & RIGHTS;
        if (((rights & Mman.WRITE) != 0 && writeImpliesRead) || ((rights & Mman.EXEC) != 0 && executeImpliesRead)) {
            rights |= Mman.READ;
        }
        return readImpliesExecute && (rights & Mman.READ) != 0 ? rights | Mman.EXEC : rights;
    }

    /**
     * Returns whether memory of a protection permits an access.
     *
     * @param protection {@code PROT_*} bits of {@link Mman}, as {@code mmap} takes them; other bits are ignored
     * @param access READ, WRITE or EXEC of {@link Mman}, or several; other bits are ignored
     * @return whether all these accesses are permitted
     */
    public boolean permits(int protection, int access) {
        return (access & RIGHTS & ~rights(protection)) == 0;
    }

    /** Returns, on one line, the rights of memory that is mapped with only WRITE, only EXEC, and only READ. */
    @Override
    public String toString() {
        return "-w- is " + text(Mman.WRITE) + ", --x is " + text(Mman.EXEC) + ", r-- is " + text(Mman.READ);
    }

    private String text(int protection) {
        int rights = rights(protection);
        return ((rights & Mman.READ) != 0 ? "r" : "-")
                + ((rights & Mman.WRITE) != 0 ? "w" : "-")
                + ((rights & Mman.EXEC) != 0 ? "x" : "-");
    }
}
