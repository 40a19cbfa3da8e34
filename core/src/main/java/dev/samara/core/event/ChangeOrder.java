// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/** The order in which a {@link LayoutListener} receives the changes of a space. */
public enum ChangeOrder {
    /**
     * Changes of overlapping ranges arrive in the order of their publication, and the change of a call that has
     * returned before the change of a call that begins later. Two calls that run at the same time in different places
     * may publish in one order and arrive in the other. The default; operations on different ranges run side by side.
     */
    BY_RANGE,

    /**
     * All changes of the space arrive in the order of their publication. While such a listener is registered, the
     * operations of the space take turns at one lock.
     */
    TOTAL
}
