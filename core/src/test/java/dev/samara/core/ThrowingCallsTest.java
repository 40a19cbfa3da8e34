// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.fixture.Refusal.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

@DisplayName("The calls that throw do as the calls that return an error")
final class ThrowingCallsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int RW = Mman.READ | Mman.WRITE;
    private static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    private final AddressSpace space = newSpace();
    private final ThrowingCalls calls = space.throwing();

    private record Refused(String call, Errno errno, Consumer<ThrowingCalls> make) {}

    @TestFactory
    @DisplayName("a call that fails names itself, its arguments and the errno")
    List<DynamicTest> failures() {
        List<Refused> refused = List.of(
                new Refused(
                        "mmap(0x10000001, 0x1000, 0x3, 0x32, 0x0)",
                        Errno.EINVAL,
                        it -> it.mmap(PLACE + 1, PAGE, RW, FIXED, null, 0)),
                new Refused(
                        "mmap(0xfffffffffffffdff, 0x1000, 0x3, 0x32, 0x0)",
                        Errno.ENOMEM,
                        it -> it.mmap(-513, PAGE, RW, FIXED, null, 0)),
                new Refused("munmap(0x1, 0x1000)", Errno.EINVAL, it -> it.munmap(1, PAGE)),
                new Refused("mprotect(0x10000000, 0x1000, 0x3)", Errno.ENOMEM, it -> it.mprotect(PLACE, PAGE, RW)),
                new Refused(
                        "mremap(0x10000000, 0x1000, 0x2000, 0x1, 0x0)",
                        Errno.EFAULT,
                        it -> it.mremap(PLACE, PAGE, 2 * PAGE, Mman.MAYMOVE, 0)),
                new Refused("brk(0x1)", Errno.ENOMEM, it -> it.brk(1)),
                new Refused("madvise(0x10000000, 0x1000, 0x5)", Errno.EINVAL, it -> it.madvise(PLACE, PAGE, 5)),
                new Refused("mlock(0x10000000, 0x1000)", Errno.ENOMEM, it -> it.mlock(PLACE, PAGE)),
                new Refused("mlock2(0x10000000, 0x1000, 0x2)", Errno.EINVAL, it -> it.mlock2(PLACE, PAGE, 2)),
                new Refused("munlock(0x10000000, 0x1000)", Errno.ENOMEM, it -> it.munlock(PLACE, PAGE)),
                new Refused("mlockall(0x0)", Errno.EINVAL, it -> it.mlockall(0)),
                new Refused("msync(0x10000000, 0x1000, 0x0)", Errno.ENOMEM, it -> it.msync(PLACE, PAGE, 0)),
                new Refused("mseal(0x10000000, 0x1000, 0x1)", Errno.EINVAL, it -> it.mseal(PLACE, PAGE, 1)),
                new Refused(
                        "setAnonymousName(0x10000000, 0x1000)",
                        Errno.ENOMEM,
                        it -> it.setAnonymousName(PLACE, PAGE, "x")),
                new Refused("shmat(0x10000000, 0x0)", Errno.EINVAL, it -> it.shmat(null, PLACE, 0)),
                new Refused("shmLock()", Errno.EINVAL, it -> it.shmLock(null)),
                new Refused("shmUnlock()", Errno.EINVAL, it -> it.shmUnlock(null)),
                new Refused("shmdt(0x10000000)", Errno.EINVAL, it -> it.shmdt(PLACE)),
                new Refused("growStack(0x10000000)", Errno.EFAULT, it -> it.growStack(PLACE)));
        List<DynamicTest> tests = new ArrayList<>();
        for (Refused call : refused) {
            tests.add(DynamicTest.dynamicTest(call.call, () -> {
                MmException failure = assertThrows(MmException.class, () -> call.make.accept(calls));
                assertSame(call.errno, failure.errno());
                assertEquals(call.call + ": " + call.errno, failure.getMessage());
            }));
        }
        return tests;
    }

    private static AddressSpace newSpace() {
        return Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .heap(PLACE, PLACE)
                .build();
    }

    private static Set<String> calls(Class<?> type, Predicate<Method> chosen) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && chosen.test(method))
                .map(method -> method.getName() + Arrays.toString(method.getParameterTypes()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    @DisplayName("each call that returns an errno has this form, with its parameters, and there are no others")
    void complete() {
        Set<Class<?>> results = Set.of(long.class, PendingCall.class);
        Set<String> plain = calls(
                AddressSpace.class,
                method -> results.contains(method.getReturnType())
                        && !method.getName().equals("pageTableBytes"));
        Set<String> throwing =
                calls(ThrowingCalls.class, method -> !method.getName().equals("toString"));
        assertEquals(plain, throwing);
        assertTrue(plain.size() > 25, plain::toString);
    }

    @Test
    @DisplayName("an asynchronous call that is refused throws at once, and one that is published has its result")
    void asynchronous() {
        assertEquals(PLACE, calls.mmapAsync(PLACE, 2 * PAGE, RW, FIXED, null, 0).result());
        PendingCall unmapped = calls.munmapAsync(PLACE, PAGE);
        assertEquals(0, unmapped.result());
        assertEquals(0, unmapped.join());
        int moves = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        long to = PLACE + 10 * PAGE;
        PendingCall moved = calls.mremapAsync(PLACE + PAGE, PAGE, PAGE, moves, to);
        assertEquals(to, moved.result());
        assertEquals(to, moved.join());
        assertSame(
                Errno.EINVAL,
                assertThrows(MmException.class, () -> calls.munmapAsync(1, PAGE))
                        .errno());
        PendingCall refused = space.munmapAsync(1, PAGE);
        assertTrue(refused.isDone());
        assertEquals(Errno.EINVAL.result(), refused.result());
    }

    @Test
    @DisplayName("an mremap that fails after it has moved a mapping throws, and the exception has its completion")
    void failsInFlight() {
        // Without an executor, a thread of the machine might complete the call immediately.
        Machine machine = Machine.builder()
                .executor(Runnable::run)
                .invokedHousekeeping(true)
                .build();
        AddressSpace invoked = machine.newSpace(Geometry.LINUX_X86_64);
        assertEquals(PLACE, invoked.mmap(PLACE, 2 * PAGE, RW, FIXED, null, 0));
        // Separates the second page from the first and seals it, because a sealed mapping does not move.
        assertEquals(0, invoked.mprotect(PLACE + PAGE, PAGE, Mman.READ));
        assertEquals(0, invoked.mseal(PLACE + PAGE, PAGE, 0));
        int moves = Mman.MAYMOVE | Mman.MREMAP_FIXED;
        long to = PLACE + 10 * PAGE;
        MmException failure = assertThrows(
                MmException.class, () -> invoked.throwing().mremapAsync(PLACE, 2 * PAGE, 2 * PAGE, moves, to));
        PendingCall pending = failure.pending();
        assertNotNull(pending);
        assertFalse(pending.isDone(), "the steps of this machine are invoked");
        assertEquals(failure.errno(), Errno.of(pending.result()));
        assertNotNull(invoked.find(to), "the first one has moved");
        assertEquals(pending.result(), pending.join());
        MmException refused =
                assertThrows(MmException.class, () -> invoked.throwing().munmapAsync(1, PAGE));
        assertTrue(Objects.requireNonNull(refused.pending()).isDone());
        assertNull(assertThrows(MmException.class, () -> calls.munmap(1, PAGE)).pending());
    }

    @Test
    @DisplayName("a call that succeeds leaves the layout, and returns the address, of the other form")
    void successes() {
        AddressSpace plain = newSpace();
        int stack = FIXED | Mman.GROWSDOWN;
        long ring = PLACE + 5000 * PAGE;

        assertEquals(PLACE, calls.mmap(PLACE, 8 * PAGE, RW, FIXED, null, 0));
        assertEquals(PLACE, plain.mmap(PLACE, 8 * PAGE, RW, FIXED, null, 0));
        calls.mprotect(PLACE, PAGE, Mman.READ);
        assertEquals(0, plain.mprotect(PLACE, PAGE, Mman.READ));
        calls.munmap(PLACE + 2 * PAGE, PAGE);
        assertEquals(0, plain.munmap(PLACE + 2 * PAGE, PAGE));
        long moved = calls.mremap(PLACE + PAGE, PAGE, 3 * PAGE, Mman.MAYMOVE, 0);
        assertEquals(moved, plain.mremap(PLACE + PAGE, PAGE, 3 * PAGE, Mman.MAYMOVE, 0));
        calls.madvise(PLACE + 3 * PAGE, PAGE, Mman.DONTFORK);
        assertEquals(0, plain.madvise(PLACE + 3 * PAGE, PAGE, Mman.DONTFORK));
        calls.mlock(PLACE + 4 * PAGE, PAGE);
        assertEquals(0, plain.mlock(PLACE + 4 * PAGE, PAGE));
        calls.mlock2(PLACE + 5 * PAGE, PAGE, Mman.ONFAULT);
        assertEquals(0, plain.mlock2(PLACE + 5 * PAGE, PAGE, Mman.ONFAULT));
        calls.msync(PLACE + 6 * PAGE, PAGE, Mman.SYNC);
        assertEquals(0, plain.msync(PLACE + 6 * PAGE, PAGE, Mman.SYNC));
        calls.mseal(PLACE + 7 * PAGE, PAGE, 0);
        assertEquals(0, plain.mseal(PLACE + 7 * PAGE, PAGE, 0));
        calls.setAnonymousName(PLACE + 6 * PAGE, PAGE, "x");
        assertEquals(0, plain.setAnonymousName(PLACE + 6 * PAGE, PAGE, "x"));
        calls.mmap(ring, PAGE, RW, stack, null, 0);
        assertEquals(ring, plain.mmap(ring, PAGE, RW, stack, null, 0));
        calls.growStack(ring - 2 * PAGE);
        assertEquals(0, plain.growStack(ring - 2 * PAGE));
        long attached = calls.shmat(OpenFiles.FIVE_PAGES, 0, 0);
        assertEquals(attached, plain.shmat(OpenFiles.FIVE_PAGES, 0, 0));
        assertEquals(LayoutText.of(plain), LayoutText.of(space));
        calls.munlock(PLACE + 4 * PAGE, PAGE);
        assertEquals(0, plain.munlock(PLACE + 4 * PAGE, PAGE));
        calls.shmdt(attached);
        assertEquals(0, plain.shmdt(attached));
        calls.mlockall(Mman.CURRENT | Mman.FUTURE);
        assertEquals(0, plain.mlockall(Mman.CURRENT | Mman.FUTURE));
        assertEquals(LayoutText.of(plain), LayoutText.of(space));
        calls.munlockall();
        assertEquals(0, plain.munlockall());
        assertEquals(LayoutText.of(plain), LayoutText.of(space));
        assertEquals(plain.usage(), space.usage());
        assertSame(Geometry.LINUX_X86_64, space.geometry());
    }

    @Test
    @DisplayName("brk returns the end of the heap, which an argument of 0 asks for")
    void heap() {
        AddressSpace plain = newSpace();
        for (long end : new long[] {PLACE + 5, PLACE + 2 * PAGE, 0, PLACE}) {
            assertEquals(plain.brk(end), calls.brk(end));
            assertEquals(LayoutText.of(plain), LayoutText.of(space));
        }
        calls.brk(PLACE + 2 * PAGE);
        assertEquals(PLACE + 2 * PAGE, calls.brk(0));
    }

    @Test
    @DisplayName("an address near 2^64 is never taken for an error, nor an error for an address")
    void addressesNearTheTop() {
        for (long address : new long[] {-1, -511, -512, -4095, -4096, -PAGE * 2}) {
            MmException failed =
                    assertRefused(MmException.class, () -> calls.mmap(address, PAGE, RW, FIXED, null, 0), "mmap(0x");
            assertSame(Errno.ENOMEM, failed.errno());
        }
    }

    @Test
    @DisplayName("a call that fails may have changed part of its range, in either form")
    void changedUpToTheHole() {
        AddressSpace plain = newSpace();
        for (AddressSpace each : List.of(space, plain)) {
            each.throwing().mmap(PLACE, 2 * PAGE, RW, FIXED, null, 0);
        }
        assertRefused(MmException.class, () -> calls.mprotect(PLACE, 3 * PAGE, Mman.READ), "ENOMEM");
        assertEquals(Errno.ENOMEM.result(), plain.mprotect(PLACE, 3 * PAGE, Mman.READ));
        assertEquals(LayoutText.of(plain), LayoutText.of(space));
        assertEquals(1, space.usage().maps());
        assertEquals(0, space.usage().data());
    }

    @Test
    @DisplayName("a heap that cannot grow is ENOMEM, whatever the reason")
    void refusedHeap() {
        space.setLimit(Resource.DATA, PAGE);
        calls.brk(PLACE + PAGE);
        MmException failed = assertRefused(MmException.class, () -> calls.brk(PLACE + PAGE + 1), "brk(0x10001001)");
        assertSame(Errno.ENOMEM, failed.errno());
        assertEquals(PLACE + PAGE, space.brk(0));
    }
}
