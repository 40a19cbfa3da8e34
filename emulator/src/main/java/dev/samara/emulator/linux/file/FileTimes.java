// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.concurrent.TimeUnit;

/**
 * The times of a file, in nanoseconds since 1970.
 *
 * @param accessed the last read
 * @param modified the last change of its bytes
 * @param changed the last change of its status
 */
public record FileTimes(long accessed, long modified, long changed) {
    static final FileTimes NONE = new FileTimes(0, 0, 0);

    /** Returns these times with the present time as the time of the last status change. */
    FileTimes changedNow() {
        return new FileTimes(accessed, modified, TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis()));
    }
}
