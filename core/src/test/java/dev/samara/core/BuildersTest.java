// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.lang.reflect.Modifier;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("the builders of machines and of spaces")
class BuildersTest {
    private static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    private static final long PAGE = GEOMETRY.pageSize();

    @Test
    @DisplayName("have no setter without a parameter, so each switch has an off")
    void noSwitchIsForEver() {
        List<String> forEver = Stream.of(MachineBuilder.class, AddressSpaceBuilder.class)
                .flatMap(type -> Stream.of(type.getDeclaredMethods())
                        .filter(method -> Modifier.isPublic(method.getModifiers()))
                        .filter(method -> method.getReturnType() == type && method.getParameterCount() == 0))
                .map(method -> method.getDeclaringClass().getSimpleName() + "." + method.getName())
                .toList();
        assertEquals(List.of(), forEver);
    }

    @ParameterizedTest
    @CsvSource({"0, 4096", "16, 4096", "17, 8192", "32, 8192", "33, 16384", "64, 16384", "4096, 16384"})
    @DisplayName("of a machine: a TLB has an entry for each 4 KiB of memory, within bounds, unless it is set")
    void tlbOfMemory(long mib, int entries) {
        String builder = Machine.builder().memory(mib << 20).toString();
        assertTrue(builder.contains("tlbEntries " + entries), builder);
        builder = Machine.builder().memory(mib << 20).tlbEntries(64).toString();
        assertTrue(builder.contains("tlbEntries 64"), builder);
    }

    @Test
    @DisplayName(
            "of a machine: a CPU in GUEST that does not poll is reported after 100 ms, or what a property contains")
    void longShootdown() {
        String name = "samara.longShootdown";
        String before = System.clearProperty(name);
        try {
            assertEquals(Duration.ofMillis(100), MachineBuilder.usualLongShootdown());
            System.setProperty(name, "2500");
            assertEquals(Duration.ofMillis(2500), MachineBuilder.usualLongShootdown());
            for (String wrong : List.of("0", "-5", "soon")) {
                System.setProperty(name, wrong);
                assertTrue(MachineBuilder.usualLongShootdown().compareTo(Duration.ZERO) > 0, wrong);
            }
        } finally {
            System.clearProperty(name);
            if (before != null) {
                System.setProperty(name, before);
            }
        }
    }

    @Test
    @DisplayName("of a machine: the last call of each setter counts")
    void machine() {
        Machine machine = Machine.builder()
                .memory(1 << 20)
                .memory(0)
                .commitLimit(PAGE)
                .commitLimit(-1)
                .trackReferences(true)
                .trackReferences(false)
                .poisonFrames(true)
                .poisonFrames(false)
                .checkOffers(Duration.ofSeconds(1))
                .checkOffers(null)
                .executor(Runnable::run)
                .executor(null)
                .invokedHousekeeping(true)
                .invokedHousekeeping(false)
                .build();
        assertThrows(IllegalStateException.class, machine::outstandingReferences);
        AddressSpace space = machine.newSpace(GEOMETRY);
        int flags = Mman.PRIVATE | Mman.ANONYMOUS;
        long mapped = space.mmap(0, 2 * PAGE, Mman.READ | Mman.WRITE, flags, null, 0);
        assertFalse(Errno.isError(mapped), "2 pages are above the first commit limit");
        assertTrue(machine.toString().contains("without memory"), machine.toString());
        assertTrue(Machine.builder().checked(true).toString().contains("checked"));
        assertFalse(Machine.builder().checked(true).checked(false).toString().contains("checked"));
    }

    @Test
    @DisplayName("of a space: the last call of each setter counts")
    void space() {
        Machine machine = Machine.builder().build();
        AddressSpace space = machine.space(GEOMETRY)
                .bottomUp(true)
                .bottomUp(false)
                .earlyReuse(true)
                .earlyReuse(false)
                .guard(0, 1L << 30)
                .guard(0, 0)
                .guard(GEOMETRY.limit() - PAGE, GEOMETRY.limit())
                .guard(GEOMETRY.limit(), GEOMETRY.limit())
                .limit(Resource.MEMLOCK, -1)
                .limit(Resource.MEMLOCK, 0)
                .grant(Capability.values())
                .drop(Capability.values())
                .build();
        int flags = Mman.PRIVATE | Mman.ANONYMOUS;
        long fixed = space.mmap(1L << 20, PAGE, Mman.READ, flags | Mman.FIXED, null, 0);
        assertEquals(1L << 20, fixed, "no guard is at the low end");
        long last = GEOMETRY.limit() - PAGE;
        assertEquals(last, space.mmap(last, PAGE, Mman.READ, flags | Mman.FIXED, null, 0));
        assertEquals(Errno.EPERM.result(), space.mlock(fixed, PAGE), "nothing may be locked without the privilege");
        assertTrue(space.mmap(0, PAGE, Mman.READ, flags, null, 0) > GEOMETRY.limit() / 2, "from the top");
    }

    @Test
    @DisplayName("refuse bad arguments with a message that names the argument, its value and the rule")
    void messages() {
        MachineBuilder machine = Machine.builder();
        assertMessage("commitLimit -2 is negative, and not -1 for none", () -> machine.commitLimit(-2));
        assertMessage("memory -1 is negative", () -> machine.memory(-1));
        assertMessage("longest PT-1S is negative", () -> machine.checkOffers(Duration.ofSeconds(-1)));
        AddressSpaceBuilder space = machine.build().space(GEOMETRY);
        assertMessage("guard 0x2000..0x1000 must not end before it starts", () -> space.guard(0x2000, 0x1000));
    }

    private static void assertMessage(String expected, Runnable call) {
        assertEquals(
                expected,
                assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }
}
