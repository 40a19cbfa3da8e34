// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** Where a view is shown. Its calls come one at a time, of any thread. */
public interface ViewOutput {
    /** Prepares the output. */
    void begin();

    /**
     * Shows a sample.
     *
     * @param first the sample at the beginning
     * @param before the sample before this one
     * @param now the newest one
     */
    void show(TopSample first, TopSample before, TopSample now);

    /**
     * Shows the totals, and leaves the output as it was found. Called once, as the last call.
     *
     * @param first the sample at the beginning
     * @param last the newest one
     */
    void end(TopSample first, TopSample last);
}
