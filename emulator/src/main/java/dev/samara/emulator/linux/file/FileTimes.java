// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.concurrent.TimeUnit;

/**
 * When a file was used, in nanoseconds since 1970.
 *
 * @param accessed the last read
 * @param modified the last change of its bytes
 * @param changed the last change of its status
 */
public record FileTimes(long accessed, long modified, long changed) {
    static final FileTimes NONE = new FileTimes(0, 0, 0);

    /** Returns these for a file whose status has changed now. */
    FileTimes changedNow() {
        return new FileTimes(accessed, modified, TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()));
    }
}
