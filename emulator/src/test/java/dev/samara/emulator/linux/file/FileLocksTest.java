// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.emulator.linux.file.FileLocks.Family;
import dev.samara.emulator.linux.file.FileLocks.FileKey;
import dev.samara.emulator.linux.file.FileLocks.HeldLock;
import org.junit.jupiter.api.Test;

/** Tests which owner waits for which other one, as decided in {@code fs/locks.c}. */
class FileLocksTest {
    private static final FileKey FILE = new FileKey(1, 2);

    private final FileLocks locks = new FileLocks();
    private final Object first = new Object();
    private final Object second = new Object();

    private static HeldLock exclusive(Object owner, long at) {
        return new HeldLock(owner, 1, true, at, at);
    }

    @Test
    void dividedAndJoined() {
        assertEquals(0, locks.take(FILE, Family.RECORDS, new HeldLock(first, 1, true, 0, 99)));
        locks.release(FILE, Family.RECORDS, new HeldLock(first, 1, true, 40, 59));
        assertNull(locks.conflict(FILE, Family.RECORDS, new HeldLock(second, 2, true, 40, 59)));
        assertNotNull(locks.conflict(FILE, Family.RECORDS, exclusive(second, 39)));
        assertNotNull(locks.conflict(FILE, Family.RECORDS, exclusive(second, 60)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, new HeldLock(first, 1, true, 40, 59)));
        HeldLock whole = locks.conflict(FILE, Family.RECORDS, exclusive(second, 50));
        assertNotNull(whole);
        assertEquals(0, whole.start());
        assertEquals(99, whole.last());
        assertNull(locks.conflict(FILE, Family.WHOLE, exclusive(second, 50)));
    }
}
