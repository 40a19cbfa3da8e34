// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.event;

/** The order in which a {@link LayoutListener} receives the changes of a space. */
public enum ChangeOrder {
    /**
     * Changes of overlapping ranges arrive in publication order, and the change of a call that has returned arrives
     * before the change of a call that starts later. The changes of two concurrent calls in different places may arrive
     * in another order than they were published. This is the default; operations on different ranges run concurrently.
     */
    BY_RANGE,

    /**
     * All changes of the space arrive in publication order. While such a listener is registered, all operations of the
     * space contend for one lock.
     */
    TOTAL
}
