// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

/**
 * The exit statuses of all commands except {@code run} and {@code top run} ({@link RunOptions}). They are those of
 * {@code diff}. A command that only prints returns {@link #EQUAL}.
 */
final class CheckStatus {
    /** Nothing differs, or nothing was compared. */
    static final int EQUAL = 0;

    /** At least one file differs. */
    static final int DIFFERENT = 1;

    /** The input cannot be read, or the command line is invalid. */
    static final int UNREADABLE = 2;

    private CheckStatus() {}
}
