// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Who wants to be told of each change of an address space's layout.
 *
 * <p>Called by threads of the machine, one call at a time and in the order of publication, some time after it. No lock
 * is held; it may call into any address space and may block: it then falls behind. A listener that is too far behind
 * loses the changes that come until it has caught up; that is reported to the machine's reporter, and it can tell by a
 * gap in the sequence numbers. What it throws is reported too, and the next change is delivered all the same.
 */
@FunctionalInterface
public interface LayoutListener {
    /**
     * A change has been published.
     *
     * @param change what changed
     */
    void changed(LayoutChange change);
}
