// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

import org.jspecify.annotations.Nullable;

/**
 * The failure of a memory call, for callers that use exceptions instead of negative results.
 *
 * <p>Its message contains the call and its arguments, and {@link #errno()} returns the error. It is thrown after the
 * call has ended, so the layout is in the state in which Linux leaves it after this failure.
 */
public final class MmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The error. */
    private final Errno errno;

    /** The asynchronous call that failed; null for a synchronous one, and after deserialization. */
    private final transient @Nullable PendingCall pending;

    /**
     * Creates the exception of one failed call.
     *
     * @param call the call with its arguments, as a person would write it
     * @param errno the error
     */
    public MmException(String call, Errno errno) {
        this(call, errno, null);
    }

    /**
     * Creates the exception of one failed asynchronous call.
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
     * Returns the asynchronous call that failed. The call is complete, unless it moved some of several mappings before
     * it failed. These mappings are in flight until the call completes.
     *
     * @return the call; null if it was synchronous, or if this exception was read from a stream
     */
    public @Nullable PendingCall pending() {
        return pending;
    }
}
