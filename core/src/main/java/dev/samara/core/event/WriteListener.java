// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called for writes to watched bytes of a space. Intended for debuggers, and for emulators that cache decoded code.
 *
 * <p>The thread that owns the CPU calls it after each access that wrote at least one of the bytes, and the listener
 * returns before the access does. The calls of one CPU are in the order of its accesses; calls of different CPUs may
 * run concurrently. The CPU is outside GUEST during the call, so no operation waits for it. The listener may block, and
 * may call operations. It may also access memory by address with the CPU; such accesses call no listener, and do not
 * change the value that the CPU has read. It must not switch to another space, enter GUEST or close the CPU; these
 * calls throw. An exception is reported to the machine's reporter; other listeners are still called, and the access
 * takes effect.
 */
@FunctionalInterface
public interface WriteListener {
    /**
     * Is called after bytes were written. Neither the old bytes nor the new ones are passed: the listener reads the
     * memory, or keeps a copy. The arguments are not those of an {@link AccessListener}.
     *
     * @param address the address of the first byte of the access, watched or not; for a copy or a fill, of its part in
     *     one page
     * @param length the length of the access, or of that part, in bytes
     */
    void written(long address, long length);
}
