// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
class SpaceNumbersTest {
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final long AT = 0x1000_0000L;

    /** More changes than a CPU follows one by one, so it forgets the whole space, and takes another number for it. */
    private static final int CHANGES = 140;

    @ParameterizedTest
    // With pages of 512 bytes a TLB has 254 numbers: they wrap twice. With large pages it has 2,046.
    @CsvSource({"12, 600", "9, 600"})
    @DisplayName("a CPU that comes to two spaces in turn sees each one's bytes, also once their numbers in its TLB have"
            + " wrapped")
    void twoSpaces(int pageShift, int rounds) {
        long limit = 1L << 40;
        Geometry geometry = new Geometry(pageShift, 4, pageShift + 9, 0, limit, limit);
        long page = geometry.pageSize();
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace calm = machine.newSpace(geometry);
        AddressSpace changing = machine.newSpace(geometry);
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        try (calm;
                changing;
                Cpu cpu = machine.claimCpu()) {
            assertEquals(AT, calm.mmap(AT, page, RW, flags, null, 0));
            assertEquals(AT, changing.mmap(AT, 2 * page, RW, flags, null, 0));
            cpu.switchTo(calm);
            assertEquals(Fault.NONE, cpu.memory().store(AT, 8, 1));
            cpu.switchTo(changing);
            assertEquals(Fault.NONE, cpu.memory().store(AT, 8, 2));
            assertEquals(Fault.NONE, cpu.memory().store(AT + page, 8, 3));
            for (int round = 0; round < rounds; round++) {
                cpu.switchTo(changing);
                for (int i = 0; i < CHANGES; i++) {
                    changing.mprotect(AT + page, page, Mman.READ);
                    changing.mprotect(AT + page, page, RW);
                }
                assertEquals(Fault.NONE, cpu.memory().load(AT, 8));
                assertEquals(2, cpu.memory().value(), "round " + round);
                cpu.switchTo(calm);
                assertEquals(Fault.NONE, cpu.memory().load(AT, 8));
                assertEquals(1, cpu.memory().value(), "round " + round);
            }
        }
    }

    @Test
    @DisplayName("P12: a CPU that comes to new spaces sees their bytes, and no translation of one that has ended")
    void newSpaces() {
        Geometry geometry = Geometry.LINUX_X86_64;
        long page = geometry.pageSize();
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        Machine machine = Machine.builder().memory(1 << 20).build();
        try (Cpu cpu = machine.claimCpu()) {
            for (int i = 1; i <= 40; i++) {
                AddressSpace space = machine.newSpace(geometry);
                assertEquals(AT, space.mmap(AT, 2 * page, RW, flags, null, 0));
                cpu.switchTo(space);
                assertEquals(Fault.NONE, cpu.memory().load(AT, 8));
                assertEquals(0, cpu.memory().value(), "space " + i);
                assertEquals(Fault.NONE, cpu.memory().store(AT, 8, i));
                // Older spaces are flushed more often than younger ones.
                for (int change = i; change <= 40; change++) {
                    assertEquals(0, space.mprotect(AT + page, page, Mman.READ));
                    assertEquals(0, space.mprotect(AT + page, page, RW));
                }
                assertEquals(Fault.NONE, cpu.memory().load(AT, 8));
                assertEquals(i, cpu.memory().value());
                cpu.switchTo(null);
                space.close();
            }
        }
    }

    @Test
    @DisplayName("a CPU that comes to more spaces than it keeps translations of sees each one's bytes")
    void manySpaces() {
        Geometry geometry = Geometry.LINUX_X86_64;
        Machine machine = Machine.builder().memory(1 << 20).build();
        List<AddressSpace> spaces = new ArrayList<>();
        try (Cpu cpu = machine.claimCpu()) {
            for (int i = 0; i < 16; i++) {
                AddressSpace space = machine.newSpace(geometry);
                spaces.add(space);
                int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
                assertEquals(AT, space.mmap(AT, geometry.pageSize(), RW, flags, null, 0));
                cpu.switchTo(space);
                assertEquals(Fault.NONE, cpu.memory().store(AT, 8, i));
            }
            // With each stride, the CPU returns to a space after a different number of other spaces.
            for (int stride = 1; stride < spaces.size(); stride++) {
                for (int i = 0; i < 2 * spaces.size(); i++) {
                    int number = i * stride % spaces.size();
                    cpu.switchTo(spaces.get(number));
                    assertEquals(Fault.NONE, cpu.memory().load(AT, 8));
                    assertEquals(number, cpu.memory().value(), "stride " + stride);
                }
            }
        }
        spaces.forEach(AddressSpace::close);
    }
}
