// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The limits ({@code getrlimit(2)}) that memory calls look at. Each is a soft limit in bytes. */
public enum Resource {
    /** Address space: all that is mapped. */
    AS,
    /** Data: private writable memory and the heap; a limit of 0 concerns the heap only. */
    DATA,
    /** How large a stack may grow. */
    STACK,
    /** Locked memory. */
    MEMLOCK
}
