// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called for reads of watched bytes of a space. Intended for debuggers, and for simulators whose tools trace
 * accesses.
 *
 * <p>The thread that owns the CPU calls it after each access that read at least one of the bytes; it may do what a
 * {@link WriteListener} may do. A load has not yet returned to the guest at that time.
 */
@FunctionalInterface
public interface AccessListener {
    /**
     * Is called after bytes were read. The arguments are not those of a {@link WriteListener}, whose first one is the
     * address.
     *
     * @param access {@link dev.samara.core.mman.Mman#READ} for a load, the read of an atomic update or a copy;
     *     {@link dev.samara.core.mman.Mman#EXEC} for a fetch
     * @param address the address of the first byte of the access, watched or not; for a copy, of its part in one page
     * @param length the length of the access, or of that part, in bytes
     * @param value the number that was read, in the byte order of the CPU, with zeros above its length; 0 for a copy
     */
    void read(int access, long address, long length, long value);
}
