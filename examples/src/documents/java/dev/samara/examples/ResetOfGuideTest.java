// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("The Reset of docs/fuzzing.md")
final class ResetOfGuideTest {
    private static final int RIGHTS = Protection.READ | Protection.WRITE;
    private static final int HERE = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long DATA = 0x10_0000;
    private static final long CHANGED = DATA + PAGE;
    private static final long ELSEWHERE = 0x80_0000;
    private static final long HEAP = 0x20_0000;
    private static final long BREAK = HEAP + 0x100;
    private static final int PAGES = 4;

    private static @Nullable URLClassLoader loader;

    @BeforeAll
    static void compile(@TempDir Path output) throws IOException {
        new DocumentedProgram("docs/fuzzing.md").compileProgram("Fuzzing", output);
        loader = new URLClassLoader(new URL[] {output.toUri().toURL()}, ResetOfGuideTest.class.getClassLoader());
    }

    @AfterAll
    static void close() throws IOException {
        Objects.requireNonNull(loader).close();
    }

    private static AddressSpace space(Cpu cpu) {
        return Objects.requireNonNull(cpu.space());
    }

    /** Runs that change only the bytes of the pages that they write. */
    @SuppressWarnings("ImmutableEnumChecker") // the actions have no state
    enum Stores {
        NONE(cpu -> {}),
        BY_A_CPU(cpu -> cpu.memory().store(CHANGED, 8, 1)),
        BY_A_SYSTEM_CALL(cpu -> space(cpu).write(CHANGED, new byte[] {1}, 0, 1)),
        AFTER_A_FORK(cpu -> {
            space(cpu).fork().close();
            cpu.memory().store(CHANGED, 8, 1);
        }),
        AND_FREE(cpu -> {
            cpu.memory().store(CHANGED, 8, 1);
            space(cpu).madvise(CHANGED, PAGE, Advice.FREE);
        });

        private final Consumer<Cpu> run;

        Stores(Consumer<Cpu> run) {
            this.run = run;
        }
    }

    /** Runs that change more than bytes. After most of them, the maps are unchanged. */
    @SuppressWarnings("ImmutableEnumChecker") // the actions have no state
    enum Changes {
        DISCARD(cpu -> space(cpu).madvise(CHANGED, PAGE, Advice.DONTNEED)),
        UNMAP_AND_MAP(cpu -> {
            space(cpu).munmap(CHANGED, PAGE);
            space(cpu).mmap(CHANGED, PAGE, RIGHTS, HERE, null, 0);
        }),
        MAP_OVER(cpu -> space(cpu).mmap(CHANGED, PAGE, RIGHTS, HERE, null, 0)),
        MOVE_PAGES_AWAY(cpu -> {
            long to = space(cpu).mremap(CHANGED, PAGE, PAGE, RemapFlags.MAYMOVE | RemapFlags.DONTUNMAP, 0);
            space(cpu).munmap(to, PAGE);
        }),
        MOVE_AND_BACK(cpu -> {
            int flags = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;
            space(cpu).mremap(CHANGED, PAGE, PAGE, flags, ELSEWHERE);
            space(cpu).mremap(ELSEWHERE, PAGE, PAGE, flags, CHANGED);
        }),
        GUARD(cpu -> space(cpu).madvise(CHANGED, PAGE, Advice.GUARD_INSTALL)),
        RIGHTS_AND_BACK(cpu -> {
            space(cpu).mprotect(CHANGED, PAGE, Protection.READ);
            space(cpu).mprotect(CHANGED, PAGE, RIGHTS);
        }),
        BREAK_WITHIN_ITS_PAGE(cpu -> space(cpu).brk(BREAK + 8)),
        BREAK_BY_A_PAGE(cpu -> space(cpu).brk(BREAK + PAGE));

        private final Consumer<Cpu> run;

        Changes(Consumer<Cpu> run) {
            this.run = run;
        }
    }

    /** Executes a run in a space, then resets the space, and checks the space if the reset succeeds. */
    private static void resetAfter(Consumer<Cpu> run) throws ReflectiveOperationException {
        try (Machine machine = Machine.builder().memory(16L << 20).build();
                AddressSpace space =
                        machine.space(Geometry.LINUX_X86_64).heap(HEAP, HEAP).build();
                Cpu cpu = machine.claimCpu()) {
            space.mmap(DATA, PAGES * PAGE, RIGHTS, HERE, null, 0);
            space.brk(BREAK);
            cpu.switchTo(space);
            for (int i = 0; i < PAGES; i++) {
                cpu.memory().store(DATA + i * PAGE, 8, 7);
            }
            Class<?> type = Objects.requireNonNull(loader).loadClass("Fuzzing$Reset");
            Constructor<?> constructor = type.getDeclaredConstructor(Cpu.class);
            constructor.setAccessible(true);
            Object reset = constructor.newInstance(cpu);
            try {
                run.accept(cpu);
                call(type, reset, "reset");
                for (int i = 0; i < PAGES; i++) {
                    assertEquals(Fault.NONE, cpu.memory().load(DATA + i * PAGE, 8));
                    assertEquals(7, cpu.memory().value(), "page " + i);
                }
                assertEquals(BREAK, space.brk(0));
            } finally {
                call(type, reset, "close");
                cpu.switchTo(null);
            }
        }
    }

    private static void call(Class<?> type, Object reset, String name) throws ReflectiveOperationException {
        Method method = type.getDeclaredMethod(name);
        method.setAccessible(true);
        method.invoke(reset);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("gives the bytes back that a run has changed by stores")
    void restores(Stores stores) throws ReflectiveOperationException {
        resetAfter(stores.run);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("refuses a run that has changed a mapping, discarded pages or moved the break")
    void refuses(Changes changes) {
        InvocationTargetException refused =
                assertThrows(InvocationTargetException.class, () -> resetAfter(changes.run));
        assertInstanceOf(IllegalStateException.class, refused.getCause());
    }
}
