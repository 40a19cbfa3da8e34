// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/**
 * A memory call failed, for callers who prefer exceptions to negative results.
 *
 * <p>It says which call, with which arguments, and carries the {@link Errno}. It is thrown after the call has left the
 * layout, so the layout is what Linux leaves after the same failure.
 */
public final class MmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What went wrong. */
    private final Errno errno;

    /**
     * Makes the exception of one failed call.
     *
     * @param call the call with its arguments, as a person would write it
     * @param errno what went wrong
     */
    public MmException(String call, Errno errno) {
        super(call + ": " + errno);
        this.errno = errno;
    }

    /**
     * What went wrong.
     *
     * @return the error
     */
    public Errno errno() {
        return errno;
    }
}
