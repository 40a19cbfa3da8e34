// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.cli;

/**
 * The exit statuses of all commands but {@code run} and {@code top run} ({@link RunOptions}), as those of {@code diff}.
 * A command that only prints returns {@link #EQUAL}.
 */
final class CheckStatus {
    /** Nothing differs, or nothing was compared. */
    static final int EQUAL = 0;

    /** At least one file differs, or a rule is broken. */
    static final int DIFFERENT = 1;

    /** The input or the command line cannot be read. */
    static final int UNREADABLE = 2;

    private CheckStatus() {}
}
