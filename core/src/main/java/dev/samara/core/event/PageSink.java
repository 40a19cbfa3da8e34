// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Who takes what a collection of written or used pages has found.
 *
 * <p>Called by the thread that collects, which holds no lock then and owes nobody anything: it may block, access
 * memory, call operations and collect. Only who collects waits for it.
 */
@FunctionalInterface
public interface PageSink {
    /**
     * One page.
     *
     * @param address of its first byte
     */
    void page(long address);
}
