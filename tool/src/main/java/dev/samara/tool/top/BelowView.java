// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;

/**
 * The lines that a terminal shows below a view, and after the end of the view. Any thread may call it, but only one at
 * a time.
 */
@FunctionalInterface
public interface BelowView {
    /**
     * Returns the lines below the view.
     *
     * @param count the maximum number of lines
     * @return lines without line ends
     */
    List<String> lines(int count);

    /** Prints the lines below the totals. Called once, after the terminal was restored. */
    default void end() {
        // Most implementations print nothing below the totals.
    }
}
