// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/** Counts waits until it is closed. */
interface WaitCounts extends AutoCloseable {
    /** Returns the present counts. */
    WaitFigures figures();

    @Override
    void close();
}
