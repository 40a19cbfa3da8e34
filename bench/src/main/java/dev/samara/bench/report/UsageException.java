// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

/**
 * An invalid argument, or a request that cannot be fulfilled. It contains only a message, which describes the error.
 */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message what is wrong with the command line, as printed to the user
     */
    public UsageException(String message) {
        super(message);
    }
}
