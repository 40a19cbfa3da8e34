// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import org.jspecify.annotations.Nullable;

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

    /** The asynchronous call that failed. A process that reads this exception from a stream has no such call. */
    private final transient @Nullable PendingCall pending;

    /**
     * Makes the exception of one failed call.
     *
     * @param call the call with its arguments, as a person would write it
     * @param errno the error
     */
    public MmException(String call, Errno errno) {
        this(call, errno, null);
    }

    /**
     * Makes the exception of one failed call that was asynchronous.
     *
     * @param call the call with its arguments, as a person would write it
     * @param errno the error
     * @param pending the call; null for a synchronous one
     */
    public MmException(String call, Errno errno, @Nullable PendingCall pending) {
        super(call + ": " + errno);
        this.errno = errno;
        this.pending = pending;
    }

    /**
     * Returns the error.
     *
     * @return the error
     */
    public Errno errno() {
        return errno;
    }

    /**
     * Returns the asynchronous call that failed. The call is complete, unless it had moved some of several mappings
     * before it failed. These mappings are in flight until the call completes.
     *
     * @return the call; null if it was synchronous, or if this exception was read from a stream
     */
    public @Nullable PendingCall pending() {
        return pending;
    }
}
