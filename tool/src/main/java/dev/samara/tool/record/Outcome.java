// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's result of a call.
 *
 * @param text the text of the result in the recording
 * @param value the result as a number; 0 for an error
 * @param errno the name of the error, e.g. {@code EINVAL}; null if the call succeeded
 * @param killed whether the thread was killed during the call
 */
public record Outcome(String text, long value, @Nullable String errno, boolean killed) {
    /**
     * Returns whether the call failed.
     *
     * @return true if so
     */
    public boolean failed() {
        return errno != null;
    }

    /**
     * Returns whether the thread was killed before the call could have an effect. In that case its register still
     * contained the kernel's {@code ENOSYS}, or the signal ended the wait for the lock of the address space with {@code
     * EINTR}.
     *
     * @return true if so
     */
    public boolean neverTookPlace() {
        return killed && ("ENOSYS".equals(errno) || "EINTR".equals(errno));
    }

    /**
     * Returns whether the library's result is equal.
     *
     * @param result the library's result
     * @return true if so
     */
    public boolean matches(long result) {
        if (Errno.isError(result)) {
            return Errno.of(result).name().equals(errno);
        }
        return errno == null && result == value;
    }

    /**
     * Formats the library's result in the notation of the recording.
     *
     * @param result the library's result
     * @param address whether the call returns an address
     * @param notation the notation of addresses in the recording
     * @return its text
     */
    public static String format(long result, boolean address, Notation notation) {
        if (Errno.isError(result)) {
            return "-" + Errno.of(result).name();
        }
        return address ? notation.address(result) : Long.toString(result);
    }
}
