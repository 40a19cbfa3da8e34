// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.Cpu;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import java.nio.ByteOrder;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checks AccessRules against the rows of the manuals that its constants cite. */
@ExtendWith(OneThread.class)
final class AccessRulesTest {
    private static AccessRules named(String name) throws ReflectiveOperationException {
        return (AccessRules) AccessRules.class.getField(name).get(null);
    }

    /**
     * Columns: the address for a register of all ones, and for a register in which only bits 63, 55 to 53, and 31 are
     * set.
     */
    @ParameterizedTest(name = "{0}: {1}, {2}")
    @CsvSource({
        "X86_64, ffffffffffffffff, 80e0000080000000",
        "X86_64_LA57, ffffffffffffffff, 80e0000080000000",
        "X86_32, ffffffff, 80000000",
        "AARCH64, ffffffffffffffff, ffe0000080000000",
        "AARCH64_LVA, ffffffffffffffff, ffe0000080000000",
        "RISCV_SV32, ffffffff, 80000000",
        "RISCV_SV39, ffffffffffffffff, 80e0000080000000",
        "RISCV_SV48, ffffffffffffffff, 80e0000080000000",
        "RISCV_SV57, ffffffffffffffff, 80e0000080000000",
        "MIPS32, ffffffff, 80000000",
        "PPC32, ffffffff, 80000000",
        "PPC64, ffffffffffffffff, 80e0000080000000"
    })
    @DisplayName("ignored bits and wrapped sums name the address that the processor accesses")
    void addresses(String name, String ofOnes, String ofSome) throws ReflectiveOperationException {
        AccessRules rules = named(name);
        assertEquals(ofOnes, Long.toHexString(rules.effectiveAddress(-1)));
        assertEquals(ofSome, Long.toHexString(rules.effectiveAddress(0x80e0_0000_8000_0000L)));
        assertEquals(0x1234_5678, rules.effectiveAddress(0x1234_5678));
    }

    @Test
    @DisplayName("a tag in the top byte of an AArch64 address is ignored, and bit 55 stands for it")
    void topByte() {
        AccessRules rules = AccessRules.AARCH64;
        assertEquals(0x7f_ffff_f123L, rules.effectiveAddress(0xab00_007f_ffff_f123L));
        assertEquals(0xffff_8000_0000_0000L, rules.effectiveAddress(0x12ff_8000_0000_0000L));
        assertTrue(rules.isCanonical(rules.effectiveAddress(0xab00_ffff_ffff_f000L)));
        assertFalse(rules.isCanonical(rules.effectiveAddress(0xab01_0000_0000_0000L)));
    }

    @Test
    @DisplayName("32-bit addresses wrap at 2^32, forwards and backwards")
    void wrap() {
        for (AccessRules rules :
                new AccessRules[] {AccessRules.X86_32, AccessRules.RISCV_SV32, AccessRules.MIPS32, AccessRules.PPC32}) {
            assertEquals(0x10, rules.effectiveAddress(0xffff_fff0L + 0x20));
            assertEquals(0xffff_fff0L, rules.effectiveAddress(0x10 - 0x20));
            assertTrue(rules.isCanonical(0xffff_fff0L));
        }
    }

    /** Columns: the last canonical address of the lower half, and the first one of the upper half. */
    @ParameterizedTest(name = "{0}: up to {1}, from {2}")
    @CsvSource({
        "X86_64, 00007fffffffffff, ffff800000000000",
        "X86_64_LA57, 00ffffffffffffff, ff00000000000000",
        "AARCH64, 0000ffffffffffff, ffff000000000000",
        "AARCH64_LVA, 000fffffffffffff, fff0000000000000",
        "RISCV_SV39, 0000003fffffffff, ffffffc000000000",
        "RISCV_SV48, 00007fffffffffff, ffff800000000000",
        "RISCV_SV57, 00ffffffffffffff, ff00000000000000"
    })
    @DisplayName("an address is canonical if all bits that are not translated equal the highest one that is")
    void canonical(String name, String last, String first) throws ReflectiveOperationException {
        AccessRules rules = named(name);
        long below = Long.parseUnsignedLong(last, 16);
        long above = Long.parseUnsignedLong(first, 16);
        assertTrue(rules.isCanonical(0));
        assertTrue(rules.isCanonical(below));
        assertFalse(rules.isCanonical(below + 1));
        assertFalse(rules.isCanonical(above - 1));
        assertTrue(rules.isCanonical(above));
        assertTrue(rules.isCanonical(-1));
    }

    @Test
    @DisplayName("only a record of an embedder faults at a plain access that is not aligned")
    void alignment() {
        AccessRules bare = new AccessRules(true, 32, 0, 64, ByteOrder.BIG_ENDIAN);
        assertTrue(bare.isMisaligned(0x1002, 4));
        assertTrue(bare.isMisaligned(0x1001, 2));
        assertFalse(bare.isMisaligned(0x1002, 2));
        assertFalse(bare.isMisaligned(0x1001, 1));
        for (AccessRules rules : new AccessRules[] {
            AccessRules.X86_32,
            AccessRules.X86_64,
            AccessRules.AARCH64,
            AccessRules.RISCV_SV48,
            AccessRules.MIPS32,
            AccessRules.PPC32,
            AccessRules.PPC64
        }) {
            assertFalse(rules.isMisaligned(0x1001, 8));
        }
    }

    @Test
    @DisplayName("numbers of bits that no processor has are refused, by name")
    void refused() {
        assertRefused(0, 0, 64, "registerBits 0 must lie in 1..64");
        assertRefused(65, 0, 64, "registerBits 65 must lie in 1..64");
        assertRefused(64, 64, 64, "ignoredBits 64 must lie in 0..63");
        assertRefused(64, 0, 0, "significantBits 0 must lie in 1..64");
        assertEquals(5, new AccessRules(false, 3, 0, 64, ByteOrder.BIG_ENDIAN).effectiveAddress(13));
    }

    private static void assertRefused(int register, int ignored, int significant, String message) {
        assertEquals(
                message,
                assertThrows(
                                IllegalArgumentException.class,
                                () -> new AccessRules(false, register, ignored, significant, ByteOrder.BIG_ENDIAN))
                        .getMessage());
    }

    @Test
    @DisplayName("a space aligns atomic accesses only")
    void spaceAligns() {
        try (SpaceFixture fixture = new SpaceFixture()) {
            Cpu cpu = fixture.cpu;
            long at = fixture.anonymous(1);
            SpaceFixture.assertFault(Fault.NONE, cpu.memory().load(at + 1, 8));
            SpaceFixture.assertFault(Fault.NONE, cpu.memory().store(at + 3, 4, 1));
            SpaceFixture.assertFault(Fault.ADRALN, cpu.memory().loadVolatile(at + 1, 8));
        }
    }
}
