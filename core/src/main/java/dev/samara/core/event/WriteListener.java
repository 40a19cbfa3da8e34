// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Who watches bytes of a space for writes: a debugger, or an emulator that keeps decoded code.
 *
 * <p>Called on the thread that owns the CPU, after each access that has written at least one of the bytes, and before
 * the call that made the access returns: so in the order of that CPU's accesses, and for different CPUs at the same
 * time. The CPU is out of GUEST for that time, so nobody waits for it: what is called here may block, and may call
 * operations. It may also make accesses by address with the CPU, of which nobody is told, and which leave what the CPU
 * has read as it was; to load another space, to enter GUEST or to close the CPU is refused. What it throws is reported
 * to the machine's reporter; other listeners are told all the same, and the access counts.
 */
@FunctionalInterface
public interface WriteListener {
    /**
     * Bytes were written.
     *
     * @param address of the first byte of the access, watched or not; of a copy or a filling, of its part in one page
     * @param length of the access, or of that part
     */
    void written(long address, long length);
}
