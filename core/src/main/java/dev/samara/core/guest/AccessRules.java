// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.nio.ByteOrder;
import java.util.Objects;

/**
 * What an architecture says about an access: which address a register names, and whether an access must be aligned.
 * Pure functions, which an embedder calls where it decodes or translates. They may be called by any thread, in GUEST
 * too, and allocate nothing.
 *
 * <p><b>What a space does itself.</b> It gives memory the rights of its architecture ({@link
 * dev.samara.core.vma.ProtectionMap}, which its geometry contains). It takes addresses as they are, so an address above
 * the limit is {@link dev.samara.core.mman.Fault#MAPERR}. It aligns atomic and ordered accesses ({@link
 * dev.samara.core.mman.Fault#ADRALN}), and no plain ones. Where an architecture differs, its emulator asks this record:
 *
 * <pre>{@code
 * long address = rules.effectiveAddress(registers[b] + immediate);      // a mask, or a shift
 * if (rules.isMisaligned(address, 4)) {                                  // never, with the constants
 *     fault(Fault.ADRALN, address, Protection.READ, 4);
 * }
 * registers[a] = memory.loadInt(address);
 * }</pre>
 *
 * <p><b>Constants.</b> They describe programs of Linux. Pointer masking that a program must ask for is not in them. No
 * record expresses LAM of x86, which ignores bits 62 to 57 of an address of data, keeps bit 63, and does not apply to
 * fetches. A record of an embedder, with 7 or 16 ignored bits, expresses Ssnpm of RISC-V, for accesses to data only:
 * fetches need the constant.
 *
 * @param faultsMisaligned whether a plain access must be aligned to its size; false in all constants, for records of
 *     embedders without an operating system
 * @param registerBits the bits of an address register, 1 to 64: sums of addresses wrap at 2 to this power
 * @param ignoredBits the number of upper bits that the processor replaces by copies of the bit below them, 0 to 63
 * @param significantBits the number of lower bits that the processor translates, 1 to 64; all others must be copies of
 *     the highest of them
 * @param order the byte order of numbers, as the programs of the constant use it
 */
public record AccessRules(
        boolean faultsMisaligned, int registerBits, int ignoredBits, int significantBits, ByteOrder order) {
    /**
     * x86-64 with four levels of page tables. Bits 63 to 47 of an address must be equal (Intel SDM, volume 1,
     * "Canonical Addressing"): another address raises #GP, for which Linux sends SIGSEGV with the code {@code
     * SI_KERNEL} and no address; a reference to the stack raises #SS, which is SIGBUS (volume 1, "Canonical
     * Addressing"; {@code arch/x86/kernel/traps.c}). A record does not tell the two apart. Alignment is checked only
     * after a program has set the flag AC (volume 3A, "Alignment Check Exception").
     */
    public static final AccessRules X86_64 = new AccessRules(false, 64, 0, 48, ByteOrder.LITTLE_ENDIAN);

    /** x86-64 with five levels of page tables: as {@link #X86_64}, with bits 63 to 56 of an address equal. */
    public static final AccessRules X86_64_LA57 = new AccessRules(false, 64, 0, 57, ByteOrder.LITTLE_ENDIAN);

    /**
     * x86 with 32 bits: as {@link #X86_64}, and addresses wrap at 2^32 (Intel SDM, volume 1, "Memory Organization").
     */
    public static final AccessRules X86_32 = new AccessRules(false, 32, 0, 64, ByteOrder.LITTLE_ENDIAN);

    /**
     * AArch64 with 48 bits of address. The top byte is ignored and stands for bit 55 (Arm ARM, D8, "Address tagging";
     * Linux sets TBI0 for all programs). Bits 55 to 48 must be equal. Plain accesses may have any address, as
     * SCTLR_EL1.A is 0.
     */
    public static final AccessRules AARCH64 = new AccessRules(false, 64, 8, 49, ByteOrder.LITTLE_ENDIAN);

    /** AArch64 with 52 bits of address, for pages of 64 KiB (FEAT_LVA): as {@link #AARCH64}, bits 55 to 52 equal. */
    public static final AccessRules AARCH64_LVA = new AccessRules(false, 64, 8, 53, ByteOrder.LITTLE_ENDIAN);

    /**
     * RISC-V with Sv32. Addresses wrap at 2^32. Programs may make misaligned plain accesses ({@code
     * Documentation/arch/riscv/uabi.rst}).
     */
    public static final AccessRules RISCV_SV32 = new AccessRules(false, 32, 0, 64, ByteOrder.LITTLE_ENDIAN);

    /**
     * RISC-V with Sv39. Bits 63 to 39 of an address must equal bit 38, or the access
     * is a page fault (Privileged Architecture, "Sv39: Addressing and Memory Protection").
     */
    public static final AccessRules RISCV_SV39 = new AccessRules(false, 64, 0, 39, ByteOrder.LITTLE_ENDIAN);

    /** RISC-V with Sv48: as {@link #RISCV_SV39}, with bits 63 to 48 equal to bit 47. */
    public static final AccessRules RISCV_SV48 = new AccessRules(false, 64, 0, 48, ByteOrder.LITTLE_ENDIAN);

    /** RISC-V with Sv57: as {@link #RISCV_SV39}, with bits 63 to 57 equal to bit 56. */
    public static final AccessRules RISCV_SV57 = new AccessRules(false, 64, 0, 57, ByteOrder.LITTLE_ENDIAN);

    /**
     * MIPS32 up to Release 5, big-endian. Plain loads and stores may have any address:
     * to the processor a misaligned one is an address error, which Linux completes for the program ({@code do_ade} in
     * {@code arch/mips/kernel/unaligned.c}, {@code TIF_FIXADE}), unless the program has refused that by {@code
     * sysmips}.
     *
     * <p>An address from 2^31 on, outside {@code kuseg}, is an address error too, which is SIGBUS. {@link #isCanonical}
     * does not tell.
     */
    public static final AccessRules MIPS32 = new AccessRules(false, 32, 0, 64, ByteOrder.BIG_ENDIAN);

    /**
     * 32-bit PowerPC, big-endian. Addresses wrap at 2^32. Plain loads and stores of numbers may have any address.
     */
    public static final AccessRules PPC32 = new AccessRules(false, 32, 0, 64, ByteOrder.BIG_ENDIAN);

    /**
     * 64-bit PowerPC with radix page tables, big-endian. Plain loads and stores of numbers may have any address.
     *
     * <p>An address outside the range of the radix tree, or in a quadrant that programs do not have, is a segment
     * interrupt, for which Linux sends SIGSEGV with the code {@code SEGV_BNDERR} ({@code do_bad_segment_interrupt}).
     * {@link #isCanonical} does not tell.
     */
    public static final AccessRules PPC64 = new AccessRules(false, 64, 0, 64, ByteOrder.BIG_ENDIAN);

    /**
     * Checks the numbers of bits.
     *
     * @param faultsMisaligned whether a plain access must be aligned to its size
     * @param registerBits the bits of an address register
     * @param ignoredBits the number of upper bits that are ignored
     * @param significantBits the number of lower bits that are translated
     * @param order the byte order of numbers
     */
    public AccessRules {
        requireBits("registerBits", registerBits, 1, Long.SIZE);
        requireBits("ignoredBits", ignoredBits, 0, Long.SIZE - 1);
        requireBits("significantBits", significantBits, 1, Long.SIZE);
        Objects.requireNonNull(order, "order");
    }

    private static void requireBits(String name, int bits, int least, int most) {
        if (bits < least || bits > most) {
            throw new IllegalArgumentException(name + " " + bits + " must lie in " + least + ".." + most);
        }
    }

    /**
     * Returns the address that a register, or a sum of registers, names: without the bits above those of a register,
     * and without those that are ignored.
     *
     * @param register a number of which bits above {@link #registerBits} may be set: a 32-bit register may be
     *     sign-extended, and a sum may have wrapped
     * @return the address for a space, unsigned
     */
    public long effectiveAddress(long register) {
        long kept = register << ignoredBits >> ignoredBits;
        return registerBits == Long.SIZE ? kept : kept & (1L << registerBits) - 1;
    }

    /**
     * Returns whether the bits of an address that are not significant are copies of the highest significant one. Any
     * other address faults before a page table is read. So may one that is canonical: outside {@code kuseg} on MIPS32,
     * or outside the quadrants and the range of the radix tree on PPC64. Nor does this tell which exception is raised:
     * on x86-64 it is another one for references to the stack.
     *
     * @param address an {@linkplain #effectiveAddress effective address}
     * @return whether it is canonical; always true if all bits are significant
     */
    public boolean isCanonical(long address) {
        int unused = Long.SIZE - significantBits;
        return address << unused >> unused == address;
    }

    /**
     * Returns whether an access is misaligned and may not be: whether a plain access of this size faults.
     *
     * @param address of its lowest byte
     * @param size bytes, a power of two
     * @return whether it faults, for which {@link dev.samara.core.mman.Fault#ADRALN} is the fault
     */
    public boolean isMisaligned(long address, int size) {
        return faultsMisaligned && (address & size - 1) != 0;
    }
}
