// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.fault.ExpandStack;
import dev.samara.core.internal.syscall.Madvise.SetAnonVmaName;
import dev.samara.core.mman.Mman;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A call is named with its arguments in the order of the system call")
final class SyscallTextTest {
    private static void assertText(String expected, Object call) {
        assertEquals(expected, call.toString());
    }

    @Test
    @DisplayName("each call in turn, also with arguments that look negative")
    void texts() {
        assertText(
                "mmap(0x1000, 0x2000, 0xffffffffffffffff, 0x32, 0x4000)",
                new Mmap(0x1000, 0x2000, -1, 0x32, null, 0x4000));
        assertText("munmap(0x1000, 0x2000)", new Mmap.Munmap(0x1000, 0x2000));
        assertText("mprotect(0x1000, 0x2000, 0x80000000)", new Mprotect(0x1000, 0x2000, Integer.MIN_VALUE));
        assertText("mremap(0x1000, 0x2000, 0x3000, 0x3, 0x7000)", new Mremap(0x1000, 0x2000, 0x3000, 3, 0x7000));
        assertText("madvise(0x1000, 0x2000, 0xa)", new Madvise(0x1000, 0x2000, Mman.DONTFORK));
        assertText("mlock2(0x1000, 0x2000, 0x1)", new Mlock.Lock(0x1000, 0x2000, 1));
        assertText("munlock(0x1000, 0x2000)", new Mlock.Unlock(0x1000, 0x2000));
        assertText("mlockall(0x5)", new Mlock.LockAll(5));
        assertText("munlockall", new Mlock.UnlockAll());
        assertText("msync(0x1000, 0x2000, 0x4)", new Msync(0x1000, 0x2000, 4));
        assertText("remap_file_pages(0x1000, 0x2000, 0x0, 0x2, 0x5)", new Mmap.RemapFilePages(0x1000, 0x2000, 0, 2, 5));
        assertText("set_anon_vma_name(0x1000, 0x2000, pool)", SetAnonVmaName.of(0x1000, 0x2000, "pool"));
        assertText("mseal(0x1000, 0x2000, 0x8000000000000003)", new Mseal(0x1000, 0x2000, Long.MIN_VALUE | 3));
        assertText("shmat(null, 0x1000, 0x5)", new Shm.Attach(null, 0x1000, 5));
        assertText("shmdt(0x1000)", new Shm.Detach(0x1000));
        assertText("brk(0x1000)", new Mmap.Brk(0x1000));
        assertText("grow_stack(0x1000)", new ExpandStack(0x1000, false));
    }
}
