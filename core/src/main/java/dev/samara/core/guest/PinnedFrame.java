// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.internal.guest.FramePin;
import dev.samara.core.vma.FrameStore;

/**
 * A pin of a frame, as {@link GuestMemory#pin} returns it. The bytes of the frame stay usable until the pin is
 * released, even if the mapping changes, its space ends or its machine is closed. For devices and long I/O, which do
 * not use a CPU.
 *
 * <p>The pin names the frame and its memory, so it depends neither on the CPU nor on the space by which it was taken.
 * Any thread may use it and release it, also a thread without a CPU, or with a CPU that is LAZY or in a space with
 * another page size. That remains so after the end of the CPU, of its thread and of the space. No operation waits for a
 * pin. A pin and the access that it permits are independent of the mapping: {@code munmap} and {@code mprotect} do not
 * end them, and a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine does not check them.
 *
 * <p>A frame that is pinned for writing counts as written from the pin until the frame is free. A pin of a page that
 * was never written, for reading, may be one of the machine's page of zeros.
 *
 * <p>A pin that is never released keeps its frame for ever, also after the pin has become unreachable: a device may
 * still use the bytes. {@link dev.samara.core.MachineStatistics#pins} counts the pins, and on a machine that
 * {@linkplain dev.samara.core.MachineBuilder#trackReferences tracks references}, {@link
 * dev.samara.core.Machine#outstandingReferences} has the stack trace of each.
 */
public abstract sealed class PinnedFrame implements AutoCloseable permits FramePin {
    /** Only for the library. */
    protected PinnedFrame() {}

    /**
     * Returns the frame.
     *
     * @return the number of the frame in {@link #store}
     * @throws IllegalStateException if the pin is released: the frame may be another page then
     */
    public abstract int frame();

    /**
     * Returns the store with the bytes of the frame.
     *
     * @return the store for this page size of the machine in which the page was pinned
     */
    public abstract FrameStore store();

    /**
     * Returns the size of the frame.
     *
     * @return bytes
     */
    public abstract int pageSize();

    /**
     * Returns whether the frame was pinned for writing. The bytes of another one must not be written through the pin.
     *
     * @return whether the access had WRITE of {@link dev.samara.core.mman.Protection}
     */
    public abstract boolean isWritable();

    /**
     * Releases the pin, on any thread. If that was the last use of the frame, the frame is free. Never waits.
     *
     * @throws IllegalStateException if the pin has been released before; nothing is changed then
     */
    @Override
    public abstract void close();
}
