// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import java.nio.ByteOrder;
import java.util.Objects;

/**
 * The rules of an architecture for accesses: which address the value of a register names, and whether an access must be
 * aligned. The methods are pure functions, which an embedder calls while it decodes or translates code. Any thread may
 * call them, also in GUEST, and they allocate nothing.
 *
 * <p><b>What a space does itself.</b> A space applies the rights of its architecture ({@link
 * dev.samara.core.vma.ProtectionMap}, which its geometry contains). It uses addresses unchanged, so an access above its
 * limit fails with {@link dev.samara.core.mman.Fault#MAPERR}. Atomic and ordered accesses must be aligned, or they fail
 * with {@link dev.samara.core.mman.Fault#ADRALN}; plain accesses need not be aligned. If an architecture has other
 * rules, its emulator applies them by this record:
 *
 * <pre>{@code
 * long address = rules.effectiveAddress(registers[b] + immediate);      // a mask, or a shift
 * if (rules.isMisaligned(address, 4)) {                                  // never, with the constants
 *     fault(Fault.ADRALN, address, Mman.READ, 4);
 * }
 * registers[a] = memory.loadInt(address);
 * }</pre>
 *
 * <p><b>Constants.</b> They describe Linux programs, without pointer masking that a program must request. No record can
 * express LAM of x86, which ignores bits 62 to 57 of a data address, keeps bit 63, and does not apply to fetches. An
 * embedder's own record with 7 or 16 ignored bits can express Ssnpm of RISC-V, but only for accesses to data; fetches
 * need the constant.
 *
 * @param faultsMisaligned whether a plain access must be aligned to its size; false in all constants; an embedder that
 *     emulates no operating system may set it in its own record
 * @param registerBits the bits of an address register, 1 to 64: sums of addresses wrap at 2 to this power
 * @param ignoredBits the number of upper bits that the processor ignores and replaces by copies of the bit below them,
 *     0 to 63
 * @param significantBits the number of lower bits that the processor translates, 1 to 64; all others must be copies of
 *     the highest of them
 * @param order the byte order of numbers in memory
 */
public record AccessRules(
        boolean faultsMisaligned, int registerBits, int ignoredBits, int significantBits, ByteOrder order) {
    /**
     * x86-64 with four levels of page tables. Bits 63 to 47 of an address must be equal (Intel SDM, volume 1,
     * "Canonical Addressing"). Otherwise an access raises #GP, for which Linux sends SIGSEGV with the code {@code
     * SI_KERNEL} and no address; a reference to the stack raises #SS instead, for which Linux sends SIGBUS (volume 1,
     * "Canonical Addressing"; {@code arch/x86/kernel/traps.c}). A record does not distinguish these two. The processor
     * checks alignment only after a program has set the flag AC (volume 3A, "Alignment Check Exception").
     */
    public static final AccessRules X86_64 = new AccessRules(false, 64, 0, 48, ByteOrder.LITTLE_ENDIAN);

    /** x86-64 with five levels of page tables: as {@link #X86_64}, but bits 63 to 56 of an address must be equal. */
    public static final AccessRules X86_64_LA57 = new AccessRules(false, 64, 0, 57, ByteOrder.LITTLE_ENDIAN);

    /**
     * x86 with 32 bits: as {@link #X86_64}, but addresses wrap at 2^32 (Intel SDM, volume 1, "Memory Organization").
     */
    public static final AccessRules X86_32 = new AccessRules(false, 32, 0, 64, ByteOrder.LITTLE_ENDIAN);

    /**
     * AArch64 with 48 bits of address. The processor ignores the top byte and uses copies of bit 55 in its place (Arm
     * ARM, D8, "Address tagging"; Linux sets TBI0 for all programs). Bits 55 to 48 must be equal. Plain accesses need
     * not be aligned, because SCTLR_EL1.A is 0.
     */
    public static final AccessRules AARCH64 = new AccessRules(false, 64, 8, 49, ByteOrder.LITTLE_ENDIAN);

    /**
     * AArch64 with 52 bits of address, for pages of 64 KiB (FEAT_LVA): as {@link #AARCH64}, but bits 55 to 52 must be
     * equal.
     */
    public static final AccessRules AARCH64_LVA = new AccessRules(false, 64, 8, 53, ByteOrder.LITTLE_ENDIAN);

    /**
     * RISC-V with Sv32. Addresses wrap at 2^32. Programs may make misaligned plain accesses ({@code
     * Documentation/arch/riscv/uabi.rst}).
     */
    public static final AccessRules RISCV_SV32 = new AccessRules(false, 32, 0, 64, ByteOrder.LITTLE_ENDIAN);

    /**
     * RISC-V with Sv39. Bits 63 to 39 of an address must equal bit 38; otherwise the access raises a page fault
     * (Privileged Architecture, "Sv39: Addressing and Memory Protection").
     */
    public static final AccessRules RISCV_SV39 = new AccessRules(false, 64, 0, 39, ByteOrder.LITTLE_ENDIAN);

    /** RISC-V with Sv48: as {@link #RISCV_SV39}, but bits 63 to 48 must equal bit 47. */
    public static final AccessRules RISCV_SV48 = new AccessRules(false, 64, 0, 48, ByteOrder.LITTLE_ENDIAN);

    /** RISC-V with Sv57: as {@link #RISCV_SV39}, but bits 63 to 57 must equal bit 56. */
    public static final AccessRules RISCV_SV57 = new AccessRules(false, 64, 0, 57, ByteOrder.LITTLE_ENDIAN);

    /**
     * MIPS32 up to Release 5, big-endian. Plain loads and stores need not be aligned. On the processor a misaligned
     * access is an address error, but Linux completes the access for the program ({@code do_ade} in {@code
     * arch/mips/kernel/unaligned.c}, {@code TIF_FIXADE}), unless the program has disabled that by {@code sysmips}.
     *
     * <p>An access to an address of 2^31 or above, outside {@code kuseg}, is also an address error, for which Linux
     * sends SIGBUS. {@link #isCanonical} does not detect such an address.
     */
    public static final AccessRules MIPS32 = new AccessRules(false, 32, 0, 64, ByteOrder.BIG_ENDIAN);

    /** 32-bit PowerPC, big-endian. Addresses wrap at 2^32. Plain loads and stores of numbers need not be aligned. */
    public static final AccessRules PPC32 = new AccessRules(false, 32, 0, 64, ByteOrder.BIG_ENDIAN);

    /**
     * 64-bit PowerPC with radix page tables, big-endian. Plain loads and stores of numbers need not be aligned.
     *
     * <p>An access outside the range of the radix tree, or in a quadrant that programs may not use, raises a segment
     * interrupt, for which Linux sends SIGSEGV with the code {@code SEGV_BNDERR} ({@code do_bad_segment_interrupt}).
     * {@link #isCanonical} does not detect such an address.
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
     * Returns the address that the value of a register, or a sum of registers, names. Ignored bits are replaced by
     * copies of the bit below them, and bits above {@link #registerBits} are cleared.
     *
     * @param register the value; bits above {@link #registerBits} may be set, because a 32-bit register may be
     *     sign-extended, and a sum may have wrapped
     * @return the address for a space, unsigned
     */
    public long effectiveAddress(long register) {
        long kept = register << ignoredBits >> ignoredBits;
        return registerBits == Long.SIZE ? kept : kept & (1L << registerBits) - 1;
    }

    /**
     * Returns whether the bits of an address above the significant ones are copies of the highest significant bit. An
     * access to any other address faults before a page table is read. Some canonical addresses also fault before that:
     * those outside {@code kuseg} on MIPS32, and those outside the quadrants and the range of the radix tree on PPC64.
     * This method does not determine which exception is raised: on x86-64, references to the stack raise a different
     * one.
     *
     * @param address an {@linkplain #effectiveAddress effective address}
     * @return whether it is canonical; always true if all bits are significant
     */
    public boolean isCanonical(long address) {
        int unused = Long.SIZE - significantBits;
        return address << unused >> unused == address;
    }

    /**
     * Returns whether a plain access of this size faults because it is misaligned.
     *
     * @param address of its lowest byte
     * @param size bytes, a power of two
     * @return true if the access faults, with {@link dev.samara.core.mman.Fault#ADRALN}
     */
    public boolean isMisaligned(long address, int size) {
        return faultsMisaligned && (address & size - 1) != 0;
    }
}
