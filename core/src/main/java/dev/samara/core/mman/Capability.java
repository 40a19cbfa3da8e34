// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.mman;

/** The privileges ({@code capabilities(7)}) that memory calls look at. */
public enum Capability {
    /** {@code CAP_IPC_LOCK}: lock memory without limit. */
    IPC_LOCK,
    /** {@code CAP_SYS_RAWIO}: map below the lowest address that others may map. */
    SYS_RAWIO
}
