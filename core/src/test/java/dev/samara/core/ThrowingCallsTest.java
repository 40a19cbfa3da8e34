// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

final class ThrowingCallsTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int RW = Protection.READ | Protection.WRITE;
    private static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    private final AddressSpace space = Machine.builder()
            .build()
            .space(Geometry.LINUX_X86_64)
            .heap(PLACE, PLACE)
            .build();
    private final ThrowingCalls calls = space.throwing();

    private record Refused(String call, Errno errno, Consumer<ThrowingCalls> make) {}

    @TestFactory
    @DisplayName("what fails says the call, its arguments and the errno")
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
                        it -> it.mremap(PLACE, PAGE, 2 * PAGE, RemapFlags.MAYMOVE, 0)),
                new Refused("brk(0x1)", Errno.ENOMEM, it -> it.brk(1)),
                new Refused("madvise(0x10000000, 0x1000, 0x5)", Errno.EINVAL, it -> it.madvise(PLACE, PAGE, 5)),
                new Refused("mlock(0x10000000, 0x1000)", Errno.ENOMEM, it -> it.mlock(PLACE, PAGE)),
                new Refused("mlock2(0x10000000, 0x1000, 0x2)", Errno.EINVAL, it -> it.mlock2(PLACE, PAGE, 2)),
                new Refused("munlock(0x10000000, 0x1000)", Errno.ENOMEM, it -> it.munlock(PLACE, PAGE)),
                new Refused("mlockall(0x0)", Errno.EINVAL, it -> it.mlockall(0)),
                new Refused("msync(0x10000000, 0x1000, 0x0)", Errno.ENOMEM, it -> it.msync(PLACE, PAGE, 0)),
                new Refused("mseal(0x10000000, 0x1000, 0x1)", Errno.EINVAL, it -> it.mseal(PLACE, PAGE, 1)),
                new Refused("shmat(0x10000000, 0x0)", Errno.EINVAL, it -> it.shmat(null, PLACE, 0)),
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

    @Test
    @DisplayName("what succeeds is done, and gives the address where there is one")
    void successes() {
        assertEquals(PLACE, calls.mmap(PLACE, 4 * PAGE, RW, FIXED, null, 0));
        calls.mprotect(PLACE, PAGE, Protection.READ);
        calls.madvise(PLACE, PAGE, Advice.DONTFORK);
        calls.mlock(PLACE, PAGE);
        calls.mlock2(PLACE + PAGE, PAGE, LockFlags.ONFAULT);
        calls.munlock(PLACE, PAGE);
        calls.msync(PLACE, PAGE, SyncFlags.SYNC);
        calls.munmap(PLACE + 2 * PAGE, PAGE);
        assertEquals(PLACE + 8 * PAGE, calls.mremap(PLACE + 3 * PAGE, PAGE, PAGE, 3, PLACE + 8 * PAGE));
        calls.mseal(PLACE + 8 * PAGE, PAGE, 0);
        calls.mlockall(LockFlags.CURRENT | LockFlags.FUTURE);
        calls.munlockall();
        assertEquals(PLACE + 16 * PAGE, calls.shmat(OpenFiles.ONE_BYTE, PLACE + 16 * PAGE, 0));
        calls.shmdt(PLACE + 16 * PAGE);
        calls.mmap(PLACE + 900 * PAGE, PAGE, RW, FIXED | MapFlags.GROWSDOWN, null, 0);
        calls.growStack(PLACE + 890 * PAGE);
        assertEquals("""
            10000000-10001000 rd mr mw me dc +10000
            10001000-10002000 rd wr mr mw me ac +10001
            10008000-10009000 rd wr mr mw me ac sl +10008
            1037a000-10385000 rd wr mr mw me gd ac +1037a
            """, LayoutText.of(space));
        calls.munmap(PLACE, 2 * PAGE);
        assertEquals(PLACE + 2 * PAGE, calls.brk(PLACE + 2 * PAGE));
        assertEquals(PLACE + 2 * PAGE, calls.brk(0), "only asks");
        assertEquals(3, space.usage().maps());
        assertSame(Geometry.LINUX_X86_64, space.geometry());
    }
}
