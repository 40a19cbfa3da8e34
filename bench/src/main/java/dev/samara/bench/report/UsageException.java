// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.report;

/** What was asked for is not to be had; the message, which is all there is to it, says what is. */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * A refusal.
     *
     * @param message for who has typed it
     */
    public UsageException(String message) {
        super(message);
    }
}
