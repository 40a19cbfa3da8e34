// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.fault.ExpandStack;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A call is named with its arguments in the order of the system call")
final class SyscallTextTest {
    @Test
    @DisplayName("also the arguments and calls for which no other call waits")
    void texts() {
        assertEquals(
                "mmap(0x1000, 0x2000, 0xffffffffffffffff, 0x32, 0x4000)",
                new Mmap(0x1000, 0x2000, -1, 0x32, null, 0x4000).toString());
        assertEquals(
                "mseal(0x1000, 0x2000, 0x8000000000000003)", new Mseal(0x1000, 0x2000, Long.MIN_VALUE | 3).toString());
        assertEquals("shmat(null, 0x1000, 0x5)", new Shm.Attach(null, 0x1000, 5).toString());
        assertEquals("grow_stack(0x1000)", new ExpandStack(0x1000, false).toString());
        assertEquals("mlockall(0x5)", new Mlock.LockAll(5).toString());
        assertEquals(
                "mprotect(0x1000, 0x2000, 0x80000000)", new Mprotect(0x1000, 0x2000, Integer.MIN_VALUE).toString());
    }
}
