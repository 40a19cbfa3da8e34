// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

/**
 * The waits of all threads of this JVM in the library, since the start of the view.
 *
 * @param operations waits for an operation, a fork, or the owner of a busy entry, except waits that only spun
 * @param locks waits for the lock of a layout
 * @param nanos the total time of all waits in nanoseconds
 */
public record WaitFigures(long operations, long locks, long nanos) {
    static final WaitFigures NONE = new WaitFigures(0, 0, 0);
}
