// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called for each change of an address space's layout that is published while its registration is open.
 *
 * <p>The machine's threads call it, one call at a time, some time after each publication. Changes of overlapping ranges
 * arrive in publication order; {@link ChangeOrder} defines the order of other changes. No lock is held. The listener
 * may call into any address space and may block, which delays its later calls. The calls for the last changes may come
 * after the {@linkplain Registration#close close} of the registration.
 *
 * <p>When a listener has 65536 pending changes, further changes are lost until half of the pending ones are delivered.
 * The loss is reported to the machine's reporter, and appears as a gap in the {@linkplain LayoutChange#sequence
 * numbers}. A change is also lost if there is no memory to deliver it. An exception is reported, and the next change is
 * still delivered.
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
