// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import static dev.samara.core.fixture.GuestScene.CALM;
import static dev.samara.core.fixture.GuestScene.PAGE;
import static dev.samara.core.fixture.GuestScene.REPLACED;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.GuestScene.Waiting;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A call that would wait for an operation that waits for the caller's own CPU is refused. */
@DisplayName("I9: in GUEST, a call that would wait for an operation that waits for this CPU is refused")
class WaitsInGuestTest {
    private static void refused(GuestScene scene, Function<Cpu, ?> call) {
        String thrown = assertThrows(IllegalStateException.class, () -> scene.onCpu(call))
                .toString();
        assertTrue(thrown.contains("is in GUEST"), thrown);
        assertTrue(scene.areWaiting(), "the CPU has not left GUEST");
    }

    @Test
    @DisplayName("resolve, where it would wait at a gate or grow a stack, and only there")
    void resolve() {
        try (GuestScene scene = new GuestScene()) {
            AddressSpace space = scene.space;
            long stack = 0x50_0000_0000L;
            assertEquals(stack, space.mmap(stack, PAGE, GuestScene.RW, GuestScene.FIXED | Mman.GROWSDOWN, null, 0));
            scene.begin(Waiting.RANGES_IN_FLIGHT);
            refused(scene, cpu -> space.resolve(REPLACED, Mman.READ));
            refused(scene, cpu -> space.resolve(stack - PAGE, Mman.READ));
            assertFault(Fault.NONE, (int) scene.onCpu(cpu -> space.resolve(CALM, Mman.READ)));
            assertFault(Fault.MAPERR, (int) scene.onCpu(cpu -> space.resolve(GuestScene.UNMAPPED, Mman.READ)));
            assertTrue(scene.areWaiting(), "answered in GUEST");
        }
    }

    @Test
    @DisplayName("mapping and the making of a space, before any code of the embedder is called")
    void callsNobody() {
        List<String> called = new ArrayList<>();
        Backing backing = (Backing) Proxy.newProxyInstance(
                Backing.class.getClassLoader(), new Class<?>[] {Backing.class}, (proxy, method, arguments) -> {
                    called.add(method.getName());
                    throw new AssertionError(method + " was called");
                });
        Machine another = Machine.builder()
                .memory(1 << 20)
                .frameStore((pageShift, frames) -> {
                    called.add("make");
                    return new DirectFrames(pageShift, 10, frames);
                })
                .build();
        try (GuestScene scene = new GuestScene()) {
            AddressSpace space = scene.space;
            int flags = Mman.SHARED;
            List<Supplier<?>> calls = List.of(
                    () -> space.mmap(0, PAGE, GuestScene.RW, flags, backing, 0),
                    () -> space.mmapAsync(0, PAGE, GuestScene.RW, flags, backing, 0)
                            .isDone(),
                    () -> space.throwing().mmap(0, PAGE, GuestScene.RW, flags, backing, 0),
                    () -> another.newSpace(GuestScene.LINUX),
                    () -> another.space(GuestScene.LINUX).build());
            for (Supplier<?> call : calls) {
                refused(scene, cpu -> call.get());
                assertEquals(List.of(), called);
            }
        }
        another.newSpace(GuestScene.LINUX).close();
        assertEquals(List.of("make"), called);
    }

    @Test
    @DisplayName("a wait for quiescence, while a call that is not complete waits for the CPU")
    void quiescence() {
        try (GuestScene scene = new GuestScene()) {
            scene.begin(Waiting.GRACE_PERIODS_AT_THEIR_BOUND);
            refused(scene, cpu -> awaitQuiescence(scene.machine));
        }
    }

    private static boolean awaitQuiescence(Machine machine) {
        try {
            machine.awaitQuiescence();
            return true;
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Test
    @DisplayName("the asynchronous forms, while an operation that waits for the CPU has the only room")
    void asynchronous() {
        try (GuestScene scene = new GuestScene()) {
            AddressSpace space = scene.space;
            scene.begin(Waiting.GRACE_PERIODS_AT_THEIR_BOUND);
            refused(scene, cpu -> space.munmapAsync(CALM, PAGE).isDone());
            refused(
                    scene,
                    cpu -> space.mmapAsync(CALM, PAGE, GuestScene.RW, GuestScene.FIXED, null, 0)
                            .isDone());
            refused(
                    scene,
                    cpu -> space.mremapAsync(CALM, PAGE, 2 * PAGE, Mman.MAYMOVE, 0)
                            .isDone());
        }
    }
}
