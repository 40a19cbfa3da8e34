// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/** The destination of a read: guest memory, which may be only partly accessible. */
@FunctionalInterface
public interface ReadTarget {
    /**
     * Appends bytes.
     *
     * @return the number of bytes stored; fewer than given if the following memory is not accessible
     */
    int put(byte[] bytes, int length);
}
