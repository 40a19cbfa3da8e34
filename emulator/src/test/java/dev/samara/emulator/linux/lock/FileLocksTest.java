// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.lock;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.lock.FileLocks.Family;
import dev.samara.emulator.linux.lock.FileLocks.FileKey;
import org.junit.jupiter.api.Test;

/** Tests which owner waits for which other one, as decided in {@code fs/locks.c}. */
class FileLocksTest {
    private static final FileKey FILE = new FileKey(1, 2);

    private final FileLocks locks = new FileLocks();
    private final Object first = new Object();
    private final Object second = new Object();
    private final Object third = new Object();

    private static HeldLock exclusive(Object owner, long at) {
        return new HeldLock(owner, 1, true, at, at);
    }

    /** Two threads of one process each wait for another process; a wait of either process would complete a cycle. */
    @Test
    void twoWaitsOfOneProcess() {
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(first, 0)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(second, 1)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(third, 2)));
        HeldLock ofSecond = exclusive(first, 1);
        HeldLock ofThird = exclusive(first, 2);
        assertEquals(LinuxErrno.EAGAIN, locks.takeOrWait(FILE, ofSecond));
        assertEquals(LinuxErrno.EAGAIN, locks.takeOrWait(FILE, ofThird));
        assertEquals(LinuxErrno.EDEADLK, locks.takeOrWait(FILE, exclusive(second, 0)));
        assertEquals(LinuxErrno.EDEADLK, locks.takeOrWait(FILE, exclusive(third, 0)));
        // The other thread of the process still waits.
        locks.endWait(ofThird);
        assertEquals(LinuxErrno.EDEADLK, locks.takeOrWait(FILE, exclusive(second, 0)));
        assertEquals(LinuxErrno.EAGAIN, locks.takeOrWait(FILE, exclusive(third, 0)));
    }

    @Test
    void circleOfThree() {
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(first, 0)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(second, 1)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(third, 2)));
        assertEquals(LinuxErrno.EAGAIN, locks.takeOrWait(FILE, exclusive(first, 1)));
        HeldLock wanted = exclusive(second, 2);
        assertEquals(LinuxErrno.EAGAIN, locks.takeOrWait(FILE, wanted));
        assertEquals(LinuxErrno.EDEADLK, locks.takeOrWait(FILE, exclusive(third, 0)));
        // The third owner releases the lock that the second one wants, so the second one does not wait any more.
        locks.release(FILE, Family.RECORDS, exclusive(third, 2));
        assertEquals(0, locks.takeOrWait(FILE, wanted));
        assertEquals(LinuxErrno.EAGAIN, locks.takeOrWait(FILE, exclusive(third, 0)));
    }

    private void assertTold(long at, HeldLock wanted) {
        HeldLock found = locks.conflict(FILE, Family.RECORDS, wanted);
        assertNotNull(found);
        assertEquals(at, found.start());
    }

    /** A query returns the lowest lock of the owner that came first, regardless of which lock was taken last. */
    @Test
    void orderOfLocks() {
        HeldLock all = new HeldLock(third, 3, true, 0, 99);
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(first, 50)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(second, 10)));
        assertTold(50, all);
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(first, 30)));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(first, 40)));
        assertTold(30, all);
        // A lock that replaces another one stays in the same place, and merges with the next lock.
        assertEquals(0, locks.take(FILE, Family.RECORDS, new HeldLock(first, 1, false, 30, 39)));
        assertTold(30, all);
        assertEquals(0, locks.take(FILE, Family.RECORDS, new HeldLock(first, 1, true, 31, 39)));
        assertTold(31, new HeldLock(third, 3, false, 0, 99));
        locks.release(FILE, Family.RECORDS, new HeldLock(first, 1, true, 0, 99));
        assertEquals(0, locks.take(FILE, Family.RECORDS, exclusive(first, 50)));
        assertTold(10, all);
        assertNotNull(locks.own(FILE, Family.RECORDS, new HeldLock(second, 2, false, 5, 15)));
        assertNull(locks.own(FILE, Family.RECORDS, new HeldLock(second, 2, false, 11, 99)));
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
