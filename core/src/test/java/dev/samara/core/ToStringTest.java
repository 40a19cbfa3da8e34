// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.docs.WaitingTableSubjects;
import dev.samara.core.docs.WaitingTableTest;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.GuestScene.Waiting;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.guest.PinnedFrame;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The text of an exported object, for a debugger: short, without a wait, in each state")
final class ToStringTest {
    private static final Pattern OF_OBJECT = Pattern.compile("@[0-9a-f]{3,}");

    private static void assertShort(List<Object> objects) {
        for (Object each : objects) {
            String text = each.toString();
            String name = each.getClass().getName() + ": " + text;
            assertTrue(!text.isEmpty() && text.length() <= 280 && text.indexOf('\n') < 0, name);
            assertTrue(!OF_OBJECT.matcher(text).find(), name);
        }
    }

    private static boolean hasInstances(Class<?> type) {
        return !type.isInterface()
                && !Modifier.isAbstract(type.getModifiers())
                && Arrays.stream(type.getDeclaredMethods())
                        .map(Method::getModifiers)
                        .anyMatch(modifiers -> Modifier.isPublic(modifiers) && !Modifier.isStatic(modifiers));
    }

    @Test
    @DisplayName("is not that of Object")
    void eachClass() throws Exception {
        List<Class<?>> tested = new ArrayList<>();
        for (Class<?> type : WaitingTableTest.exported()) {
            if (hasInstances(type)) {
                tested.add(type);
                assertNotEquals(Object.class, type.getMethod("toString").getDeclaringClass(), type::getName);
            }
        }
        assertTrue(tested.containsAll(List.of(AddressSpace.class, MachineBuilder.class, ThrowingCalls.class)));
    }

    @Test
    @DisplayName("takes no lock, and does not leave GUEST; after the end of space, CPU and machine there is still one")
    void eachObject() {
        GuestScene scene = new GuestScene();
        Machine machine = scene.machine;
        WaitingTableSubjects subjects = new WaitingTableSubjects(scene);
        List<Object> all = new ArrayList<>(subjects.all());
        try (Cpu own = machine.claimCpu()) {
            all.add(own);
            all.add(own.memory());
            own.switchTo(scene.space);
            PinnedFrame pinned = SpaceFixture.pin(own.memory(), GuestScene.CALM, SpaceFixture.READ);
            all.add(pinned);
            all.add(MachineInternals.layoutOf(scene.space).memory().frames.store);
        }
        scene.begin(Waiting.RANGES_IN_FLIGHT);
        Layout layout = scene.space.layout();
        MachineState host = machine.host;
        Spaces spaces = machine.spaces;
        layout.lock();
        try {
            synchronized (host) {
                synchronized (spaces) {
                    scene.onCpu(cpu -> {
                        assertShort(all);
                        assertShort(List.of(cpu, cpu.memory()));
                        return cpu;
                    });
                }
            }
        } finally {
            layout.unlock();
        }
        assertTrue(scene.areWaiting());
        scene.close();
        all.stream()
                .filter(BorrowedSpace.class::isInstance)
                .map(BorrowedSpace.class::cast)
                .forEach(BorrowedSpace::close);
        machine.close();
        assertShort(all);
    }

    @Test
    @DisplayName("tells spaces apart, and shows their mappings and users")
    void texts() {
        Machine machine = Machine.builder().memory(1 << 20).checked(true).build();
        AddressSpace first = machine.newSpace(Geometry.LINUX_X86_64);
        AddressSpace second = machine.newSpace(Geometry.LINUX_X86_64);
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        second.throwing().mmap(0x10_0000, 0x2000, Mman.READ, flags, null, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(second);
            assertEquals("space 1, mappings 0, users 1", first.toString());
            assertEquals("space 2, mappings 1 from 0x100000 to 0x102000, users 2", second.toString());
            assertEquals(
                    "throwing calls of space 1, mappings 0, users 1",
                    first.throwing().toString());
            assertEquals("machine, 0 bytes committed, claimed CPUs 1", machine.toString());
        }
        first.close();
        second.close();
        machine.close();
        assertEquals("space 2, closed, users 0", second.toString());
        assertEquals("machine, closed, 0 bytes committed, claimed CPUs 1", machine.toString());
        Machine bare = Machine.builder().build();
        assertEquals("machine without memory, 0 bytes committed, claimed CPUs 0", bare.toString());
        assertEquals(
                "space 1, mappings 0, users 1",
                bare.newSpace(Geometry.LINUX_X86_64).toString());
    }
}
