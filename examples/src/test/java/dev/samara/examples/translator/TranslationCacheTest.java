// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

import static dev.samara.core.mman.Mman.EXEC;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.WRITE;
import static dev.samara.examples.translator.GeneratedCode.LEFT;
import static dev.samara.examples.translator.GeneratedCode.PAGE;
import static dev.samara.examples.translator.GeneratedCode.map;
import static dev.samara.examples.translator.GeneratedCode.toy;
import static dev.samara.examples.translator.GeneratedCode.write;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.BRANCH;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.HALT;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.LOAD;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.SET;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.STORE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.Watchpoint;
import dev.samara.core.mman.MmException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Tests which translated loops the cache keeps, and its behaviour if a loop cannot be translated. */
final class TranslationCacheTest {
    private static final int BYTES = ToyInstruction.BYTES;

    private static void onGuest(int watchpoints, BiConsumer<AddressSpace, Cpu> body) {
        Machine machine =
                Machine.builder().memory(4 << 20).maxMapCount(watchpoints).build();
        try (AddressSpace space = machine.newSpace(GeneratedCode.GEOMETRY);
                Cpu cpu = machine.claimCpu()) {
            body.accept(space, cpu);
        }
    }

    /** Returns how many more watchpoints a space can have. */
    private static int free(AddressSpace space) {
        List<Watchpoint> all = new ArrayList<>();
        assertThrows(MmException.class, () -> {
            while (true) {
                all.add(space.watch(0, 1, (start, length) -> {}));
            }
        });
        all.forEach(Watchpoint::close);
        return all.size();
    }

    private static ToyInstruction[] countingDown() {
        return new ToyInstruction[] {toy(SET, LEFT, LEFT, -1), toy(BRANCH, LEFT, 0, -BYTES), toy(HALT, 0, 0, 0)};
    }

    @Test
    @DisplayName("a loop whose code has gone when it is read leaves no watchpoint, and is no fault of the guest")
    void vanished() {
        onGuest(50, (space, cpu) -> {
            ToyCpu guest = new ToyCpu(space, cpu, true);
            long code = map(space, 1, READ | WRITE | EXEC);
            write(space, code, countingDown());
            space.throwing().munmap(code, PAGE);
            int before = free(space);
            cpu.enterGuest();
            try {
                for (int i = 0; i < 100; i++) {
                    guest.cache().jumped(code, code + 2 * BYTES);
                }
            } finally {
                cpu.leaveGuest();
            }
            assertEquals(before, free(space));
        });
    }

    @Test
    @DisplayName("in a space with as many watchpoints as it can have, the guest runs without translations")
    void full() {
        onGuest(10, (space, cpu) -> {
            ToyCpu guest = new ToyCpu(space, cpu, true);
            long code = map(space, 1, READ | WRITE | EXEC);
            write(space, code, countingDown());
            List<Watchpoint> all = new ArrayList<>();
            for (int i = free(space); i > 0; i--) {
                all.add(space.watch(0, 1, (start, length) -> {}));
            }
            guest.registers()[LEFT] = 1_000;
            assertEquals("halted", guest.run(code));
            assertEquals(0, guest.cache().translated());
            all.forEach(Watchpoint::close);
            guest.registers()[LEFT] = 10_000;
            assertEquals("halted", guest.run(code));
            assertEquals(1, guest.cache().translated());
        });
    }

    @Test
    @DisplayName("a loop that has a branch in it flushes no TLB for a translation that is not made")
    void untranslatable() {
        onGuest(50, (space, cpu) -> {
            ToyCpu guest = new ToyCpu(space, cpu, true);
            long code = map(space, 1, READ | WRITE | EXEC);
            write(
                    space,
                    code,
                    toy(BRANCH, LEFT, 0, BYTES),
                    toy(SET, LEFT, LEFT, -1),
                    toy(BRANCH, LEFT, 0, -2 * BYTES),
                    toy(HALT, 0, 0, 0));
            guest.registers()[LEFT] = 1_000;
            long[] flushes = {0};
            cpu.onFlush((start, end, reason, generation) -> flushes[0]++);
            assertEquals("halted", guest.run(code));
            assertTrue(flushes[0] < 10, flushes[0] + " flushes");
        });
    }

    @Test
    @DisplayName("the longest loop, of accesses only, is a method that HotSpot compiles")
    void longest() {
        for (ToyInstruction.ToyOperation access : List.of(LOAD, STORE)) {
            List<ToyInstruction> loop = new ArrayList<>();
            for (int i = 1; i < TranslationCache.LONGEST; i++) {
                loop.add(toy(access, i & 15, (i + 1) & 15, 1_000 + 8 * i));
            }
            loop.add(toy(BRANCH, LEFT, 0, -(TranslationCache.LONGEST - 1) * BYTES));
            int size = LoopTranslator.size(0x7fff_1234_5000L, loop, 1 << 20);
            assertTrue(size <= 8_000, "the compilers of the JVM leave out a method of " + size + " bytes");
        }
    }
}
