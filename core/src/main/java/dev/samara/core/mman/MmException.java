// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * The failure of a memory call, for callers that use exceptions instead of negative results.
 *
 * <p>Its message has the call and its arguments, and {@link #errno()} the error. It is thrown after the call has ended,
 * so the layout is the one that Linux leaves after this failure.
 */
public final class MmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The error. */
    private final Errno errno;

    /**
     * Makes the exception of one failed call.
     *
     * @param call the call with its arguments, as a person would write it
     * @param errno the error
     */
    public MmException(String call, Errno errno) {
        super(call + ": " + errno);
        this.errno = errno;
    }

    /**
     * Returns the error.
     *
     * @return the error
     */
    public Errno errno() {
        return errno;
    }
}
