// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

/** An invalid argument, or a request that cannot be met. The message, its only content, says which. */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message says which part of the command line is wrong; is printed to the user
     */
    public UsageException(String message) {
        super(message);
    }
}
