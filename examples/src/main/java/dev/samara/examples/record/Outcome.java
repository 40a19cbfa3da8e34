// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import dev.samara.core.mman.Errno;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel answered to a call.
 *
 * @param text the answer as it was written
 * @param value the answer as a number; 0 for an error
 * @param errno the name of the error, such as {@code EINVAL}; null if the call succeeded
 * @param killed whether the thread was killed during the call
 */
public record Outcome(String text, long value, @Nullable String errno, boolean killed) {
    /**
     * Whether the call failed.
     *
     * @return true if so
     */
    public boolean failed() {
        return errno != null;
    }

    /**
     * Whether the thread was killed before the call could do anything: its register still held the kernel's {@code
     * ENOSYS}, or the signal ended the wait for the lock of the address space, which answers {@code EINTR}.
     *
     * @return true if so
     */
    public boolean neverTookPlace() {
        return killed && ("ENOSYS".equals(errno) || "EINTR".equals(errno));
    }

    /**
     * Whether the library answered the same.
     *
     * @param result what it returned
     * @return true if so
     */
    public boolean matches(long result) {
        if (Errno.isError(result)) {
            return Errno.of(result).name().equals(errno);
        }
        return errno == null && result == value;
    }

    /**
     * Writes what the library returned as the recording would.
     *
     * @param result what it returned
     * @param address whether the call returns an address
     * @param notation how the recording writes addresses
     * @return its text
     */
    public static String format(long result, boolean address, Notation notation) {
        if (Errno.isError(result)) {
            return "-" + Errno.of(result).name();
        }
        return address ? notation.address(result) : Long.toString(result);
    }
}
