// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.replay;

/** Who chooses where a mapping goes that may go anywhere. */
public enum Placing {
    /** The library, and it must choose what the kernel chose. */
    BY_LIBRARY,
    /** The kernel, as the trace tells; the place must be free. */
    BY_TRACE
}
