// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class GeneratedCodeTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;

    @Test
    @DisplayName("generated code computes as the interpreter does, and stops when another thread takes memory away")
    void prints() throws Exception {
        List<String> lines = Printed.by(() -> GeneratedCode.main(new String[0]));
        assertEquals(4, lines.size(), lines::toString);
        assertEquals("Interpreter: NONE, sum 15484500, sums 2a79aa6c7f0a57b0", lines.get(0));
        assertEquals(lines.get(0).replace("Interpreter", "Generated code"), lines.get(1));
        assertEquals("mprotect: SEGV_ACCERR, no store after it", lines.get(2));
        assertEquals("munmap: SEGV_MAPERR, no page there", lines.get(3));
    }

    @Test
    @DisplayName(
            "one translation serves CPUs of two machines, one of them checked, with pages taken away again and again")
    void machines() {
        GuestBlock.Code code = BlockTranslator.translate(new GuestBlock(
                List.of(
                        new GuestBlock.Instruction(GuestBlock.Kind.SET, 1, 1, 1),
                        new GuestBlock.Instruction(GuestBlock.Kind.STORE, 1, 3, 0)),
                4));
        for (MachineBuilder builder :
                List.of(Machine.builder(), Machine.builder().checked(true))) {
            Machine machine = builder.memory(1 << 20).tlbEntries(2).build();
            try (AddressSpace space = machine.newSpace(GEOMETRY);
                    Cpu cpu = machine.claimCpu()) {
                GeneratedCode example = new GeneratedCode(space, cpu);
                long length = 1L << 30;
                int all = Protection.READ | Protection.WRITE;
                int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.NORESERVE;
                for (int round = 0; round < 20; round++) {
                    long at = space.throwing().mmap(0, length, all, flags, null, 0);
                    String result = example.countsUntil(
                            code, "munmap", at, () -> space.throwing().munmap(at, length));
                    assertEquals("munmap: " + Fault.toString(Fault.MAPERR) + ", no page there", result);
                }
            }
        }
    }
}
