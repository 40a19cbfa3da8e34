// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.util.List;

/** What a terminal shows below a view, and after it. Its calls come one at a time, of any thread. */
@FunctionalInterface
public interface BelowView {
    /**
     * Returns the lines below the view.
     *
     * @param count the most lines
     * @return lines without line ends
     */
    List<String> lines(int count);

    /** Prints what belongs below the totals. Called once, after the terminal has been given back. */
    default void end() {
        // Most views have nothing there.
    }
}
