// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Receives the pages of a collection of written or accessed pages.
 *
 * <p>The collecting thread calls it. That thread holds no lock, and no operation waits for it. A sink may block, access
 * memory, call operations and start collections. Only its own collection waits for it.
 */
@FunctionalInterface
public interface PageSink {
    /**
     * Is called for one page.
     *
     * @param address the address of the page's first byte
     */
    void page(long address);
}
