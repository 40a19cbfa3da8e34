// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/**
 * Is called for each change of an address space's layout that is published while its registration is open.
 *
 * <p>Threads of the machine call it, one call at a time, some time after each publication. Changes of overlapping
 * ranges arrive in the order of publication; {@link ChangeOrder} has the order of other changes. No lock is held. The
 * listener may call into any address space and may block; its later calls are then delayed. The calls for the last
 * changes may come after the {@linkplain Registration#close close} of the registration.
 *
 * <p>A listener with 65536 pending changes loses the following ones, until half of the pending ones were delivered. The
 * loss is reported to the machine's reporter, and shows as a gap in the {@linkplain LayoutChange#sequence numbers}. A
 * change is also lost if there is no memory to deliver it. An exception is reported, and the next change is delivered
 * anyway.
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
