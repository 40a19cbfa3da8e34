// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/** The source of a write: guest memory, which may be only partly accessible. */
@FunctionalInterface
public interface WriteSource {
    /**
     * Copies bytes.
     *
     * @param from the index of the first byte
     * @param to receives the bytes, from its start on
     * @param length the number of bytes
     * @return the number of bytes copied; fewer than {@code length} if the memory after them is not accessible
     */
    int get(long from, byte[] to, int length);
}
