// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

/** An invalid argument, or a request that cannot be fulfilled. The message describes it, and is the only content. */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message the part of the command line that is wrong, as printed to the user
     */
    public UsageException(String message) {
        super(message);
    }
}
