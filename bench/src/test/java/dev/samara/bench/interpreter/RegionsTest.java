// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.AddressSpace;
import dev.samara.testing.Explored;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests what translated code must do beyond the instructions of one region. */
@Explored(3)
final class RegionsTest {
    private static final long CODE = 0x1_0000;
    private static final long DATA = 0x10_0000;

    private static GuestRam memory(String way) {
        boolean isSamara = !way.equals("array") && !way.equals("paged");
        return isSamara ? FastRam.make() : way.equals("array") ? new ArrayRam((int) DATA + 4096) : new PagedRam();
    }

    private static TranslatedGuest guest(GuestRam ram, String way, int[] code) {
        ram.map(CODE, 1 << 14);
        ram.map(DATA, 4096);
        for (int i = 0; i < code.length; i++) {
            ram.storeInt(CODE + 4L * i, code[i]);
        }
        boolean calls = way.equals("array") || way.equals("paged");
        return new TranslatedGuest(
                new Interpreter(ram), ram, calls ? AccessWay.CALL : AccessWay.valueOf(way.toUpperCase(Locale.ROOT)));
    }

    /** Runs a long loop, and compares the sizes of its regions with HotSpot's limit. */
    private static void loop(String way, int length, BiConsumer<Assembler, Integer> instruction) {
        assumeTrue(!way.equals("segment") || Runtime.version().feature() >= 22, "segments are of JDK 22");
        Assembler program = new Assembler().addi(5, 0, 200).label("again");
        for (int i = 0; i < length; i++) {
            instruction.accept(program, i);
        }
        program.addi(10, 10, 1)
                .addi(5, 5, -1)
                .bne(5, 0, "near")
                .ecall()
                .label("near")
                .jal(0, "again");
        try (GuestRam ram = memory(way)) {
            TranslatedGuest guest = guest(ram, way, program.assemble());
            assertEquals(DATA + 200, guest.run(CODE, DATA, 0));
            assertFalse(guest.sizes().isEmpty(), "nothing was translated");
            for (int size : guest.sizes()) {
                assertTrue(size <= 8_000, "the compilers of the JVM leave out a method of " + size + " bytes");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"array", "call", "tlb", "kept", "segment"})
    @DisplayName("code that only loads, by all registers, is translated to methods that HotSpot compiles")
    void loads(String way) {
        loop(way, 700, (program, i) -> {
            if (i < 20) {
                program.lui(11 + i, 0x100);
            } else {
                program.lbu(6, 11 + i % 20, 1 + i % 1_000);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"array", "call", "tlb", "kept", "segment"})
    @DisplayName("code that only calls is translated to methods that HotSpot compiles, for all the returns in it")
    void calls(String way) {
        loop(way, 130, (program, i) -> {
            if (i == 0) {
                program.jal(0, "first")
                        .label("leaf")
                        .jalr(0, 1, 0)
                        .label("first")
                        .jal(19, "second")
                        .label("second");
            } else {
                // x19 contains the address of this place; the leaf function is two instructions before it.
                program.jalr(1, 19, -8);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"array", "paged", "call", "tlb", "kept"})
    @DisplayName("after a fence.i that is interpreted, a region whose code was changed does not run")
    void interpretedFence(String way) {
        int[] code = new Assembler()
                .addi(5, 0, 200)
                .label("again")
                .jalr(1, 11, 0)
                .addi(5, 5, -1)
                .bne(5, 0, "again")
                .ecall()
                .sw(10, 11, 0) // the second entry
                .fenceI()
                .jalr(1, 11, 0)
                .add(10, 20, 0)
                .ecall()
                .addi(20, 0, 1) // the function
                .jalr(0, 1, 0)
                .assemble();
        int changed = new Assembler().addi(20, 0, 2).assemble()[0];
        long function = CODE + 4 * 10;
        try (GuestRam ram = memory(way)) {
            TranslatedGuest guest = guest(ram, way, code);
            guest.run(CODE, 0, function);
            assertTrue(guest.sizes().size() >= 2, "the function was not translated");
            assertEquals(2, guest.run(CODE + 4 * 5, changed, function));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"call", "tlb", "kept"})
    @DisplayName("a loop through several regions polls: another thread's munmap does not wait for its end")
    void pollsBetweenRegions(String way) {
        int[] code = new Assembler()
                .lui(5, 0x10000)
                .label("again")
                .jalr(1, 11, 0)
                .ld(6, 10, 8)
                .bne(6, 0, "end")
                .addi(5, 5, -1)
                .bne(5, 0, "again")
                .label("end")
                .add(10, 5, 0)
                .ecall()
                .sd(5, 10, 0) // the function
                .jalr(0, 1, 0)
                .assemble();
        try (FastRam ram = FastRam.make()) {
            TranslatedGuest guest = guest(ram, way, code);
            ram.map(DATA + 4096, 4096);
            ram.storeLong(DATA + 4096, 1);
            AddressSpace space = ram.space();
            CompletableFuture<Void> unmapping = CompletableFuture.runAsync(() -> {
                byte[] word = new byte[Integer.BYTES];
                // Repeated until the count is some thousands below its start, so that everything is translated.
                do {
                    assertEquals(word.length, space.read(DATA, word, 0, word.length));
                } while ((word[1] & 0xff) > 0xc0 || word[3] != 0x0f);
                space.munmap(DATA + 4096, 4096);
                byte[] one = {1};
                assertEquals(1, space.write(DATA + 8, one, 0, 1));
            });
            assertTrue(guest.run(CODE, DATA, CODE + 4 * 8) > 0, "munmap has waited for the end of the loop");
            unmapping.join();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"call", "kept"})
    @DisplayName("a jump beyond all addresses of code faults at its target, whatever bits that has")
    void jumpsFar(String way) {
        int[] code = new Assembler()
                .addi(5, 0, 200)
                .jal(0, "again") // translated code makes the first load
                .label("again")
                .ld(6, 10, 0)
                .jalr(1, 6, 0)
                .addi(5, 5, -1)
                .bne(5, 0, "again")
                .ecall()
                .jalr(0, 1, 0) // the function
                .assemble();
        long function = CODE + 4 * 7;
        for (int bit = 61; bit < 64; bit++) {
            try (FastRam ram = FastRam.make()) {
                TranslatedGuest guest = guest(ram, way, code);
                ram.storeLong(DATA, function);
                guest.run(CODE, DATA, 0);
                ram.storeLong(DATA, function + (1L << bit));
                String fault = assertThrows(IllegalStateException.class, () -> guest.run(CODE, DATA, 0))
                        .getMessage();
                assertEquals("SEGV_MAPERR at 0x" + Long.toHexString(function + (1L << bit)), fault);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"array", "call", "kept"})
    @DisplayName("data and unmapped memory after a branch that is always taken are no part of a region")
    void data(String way) {
        int[] code = new Assembler()
                .addi(5, 0, 200)
                .label("again")
                .addi(10, 10, 1)
                .addi(5, 5, -1)
                .bne(5, 0, "near")
                .ecall()
                .label("near")
                .bne(5, 0, "again")
                .assemble();
        for (boolean isMapped : new boolean[] {true, false}) {
            try (GuestRam ram = memory(way)) {
                // If the next page is not mapped, the last instruction is at the end of its page.
                long start = CODE + (isMapped ? 0 : (1 << 14) - 4L * code.length);
                TranslatedGuest guest = guest(ram, way, new int[0]);
                for (int i = 0; i < code.length; i++) {
                    ram.storeInt(start + 4L * i, code[i]);
                }
                if (isMapped) {
                    ram.storeInt(start + 4L * code.length, -1);
                }
                assertEquals(DATA + 200, guest.run(start, DATA, 0));
                assertFalse(guest.sizes().isEmpty(), "nothing was translated");
            }
        }
    }
}
