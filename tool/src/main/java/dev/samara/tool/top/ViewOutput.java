// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** Shows the samples of a view. Any thread may call it, but only one at a time. */
public interface ViewOutput {
    /** Prepares the output. */
    void begin();

    /**
     * Shows a sample.
     *
     * @param first the sample at the start
     * @param before the previous sample
     * @param now the newest sample
     */
    void show(TopSample first, TopSample before, TopSample now);

    /**
     * Shows the totals, and restores the output. Called once, as the last call.
     *
     * @param first the sample at the start
     * @param last the newest sample
     */
    void end(TopSample first, TopSample last);
}
