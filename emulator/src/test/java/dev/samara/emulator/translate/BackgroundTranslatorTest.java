// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.BlockCache.CodeBlock;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.isa.Op;
import dev.samara.emulator.translate.BackgroundTranslator.HotnessPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A translator")
final class BackgroundTranslatorTest {
    private static final int[] RETURN = {Op.JALR | 32 << 8 | Hart.RA << 16, 0};

    /** A translator with the blocks of a CPU that the calling thread owns. */
    private static final class AskedTranslator implements AutoCloseable {
        private final Machine machine = Machine.builder().memory(1L << 20).build();
        private final AddressSpace space = machine.newSpace(ProgramLoader.GEOMETRY);
        private final Cpu cpu = machine.claimCpu();
        private final List<Throwable> failures = new ArrayList<>();
        private final BackgroundTranslator translator = new BackgroundTranslator(true, failures::add);
        private final BlockCache blocks;

        AskedTranslator() {
            cpu.switchTo(space);
            blocks = new BlockCache(new Hart(cpu), cpu, translator.runsBefore(), new Semaphore(1000));
        }

        void ask(CodeBlock hot) {
            translator.translate(hot, blocks);
        }

        @Override
        public void close() {
            translator.end();
            cpu.close();
            space.close();
            machine.close();
        }
    }

    private static CodeBlock valid(long start) {
        return new CodeBlock(start, RETURN, new char[] {0, 4}, 1);
    }

    /** A block whose second instruction has no address. */
    private static CodeBlock broken(long start) {
        int[] code = {Op.ADDI | 10 << 8, 1, Op.AUIPC | 10 << 8, 0, RETURN[0], RETURN[1]};
        return new CodeBlock(start, code, new char[] {0}, 0);
    }

    @Test
    @DisplayName("is asked once for the code that it cannot make, and makes other code")
    void failsOnce() {
        try (AskedTranslator asked = new AskedTranslator()) {
            asked.ask(broken(0x1000));
            asked.ask(broken(0x1000));
            assertEquals(1, asked.failures.size(), asked.failures::toString);
            asked.ask(valid(0x2000));
            assertEquals(1, asked.translator.regionsMade());
        }
    }

    @Test
    @DisplayName("gives up after three failures, and says no more")
    void givesUp() {
        try (AskedTranslator asked = new AskedTranslator()) {
            for (long start = 0x1000; start < 0x6000; start += 0x1000) {
                asked.ask(broken(start));
            }
            asked.ask(valid(0x7000));
            assertEquals(3, asked.failures.size(), asked.failures::toString);
            assertEquals(0, asked.translator.regionsMade());
        }
    }

    @Test
    @DisplayName("has a block that is not hot yet ask again when it is")
    void asksAgain() {
        List<Throwable> failures = new ArrayList<>();
        BackgroundTranslator translator = new BackgroundTranslator(false, failures::add);
        try (AskedTranslator other = new AskedTranslator()) {
            int runs = translator.translate(valid(0x1000), other.blocks);
            assertEquals(HotnessPolicy.runsWanted(0), runs, failures::toString);
            assertEquals(0, translator.regionsMade());
        } finally {
            translator.end();
        }
    }
}
