// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called for each change of an address space's layout.
 *
 * <p>Threads of the machine call it, one call at a time and in the order of publication, some time after each
 * publication. No lock is held. The listener may call into any address space and may block; its later calls are then
 * delayed. A listener with too many pending changes loses the following changes until it has caught up. The loss is
 * reported to the machine's reporter, and shows as a gap in the sequence numbers. An exception is reported too, and the
 * next change is delivered nevertheless.
 */
@FunctionalInterface
public interface LayoutListener {
    /**
     * Is called after a change was published.
     *
     * @param change the change
     */
    void changed(LayoutChange change);
}
