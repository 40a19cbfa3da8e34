// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

/**
 * When a file was used, in nanoseconds since 1970.
 *
 * @param accessed the last read
 * @param modified the last change of its bytes
 * @param changed the last change of its status
 */
public record FileTimes(long accessed, long modified, long changed) {
    static final FileTimes NONE = new FileTimes(0, 0, 0);
}
